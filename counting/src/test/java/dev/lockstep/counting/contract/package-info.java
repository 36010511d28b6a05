/** What every {@link dev.lockstep.counting.SeekableVcpu} must keep, as tests: an engine's own tests extend {@link dev.lockstep.counting.contract.SeekableContract}. */
@NullMarked
package dev.lockstep.counting.contract;

import org.jspecify.annotations.NullMarked;
