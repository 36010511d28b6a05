/** Integer instructions compared with the host's own processor, which executes them one by one in ring 3. For tests only. */
@NullMarked
package dev.lockstep.softcpu.host;

import org.jspecify.annotations.NullMarked;
