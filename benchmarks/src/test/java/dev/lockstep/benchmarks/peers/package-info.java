/** Tests of the comparison with peers. */
@NullMarked
package dev.lockstep.benchmarks.peers;

import org.jspecify.annotations.NullMarked;
