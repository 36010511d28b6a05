/** Debian's kernel in a pair of processes whose primary, or joining backup, is killed. */
@NullMarked
package dev.lockstep.it.failover;

import org.jspecify.annotations.NullMarked;
