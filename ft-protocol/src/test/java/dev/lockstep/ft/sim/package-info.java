/**
 * The deterministic simulation: the real protocol cores over a simulated network, arbiter, guest and consumer, with faults. One seed is one run. Test code
 * only.
 */
@NullMarked
package dev.lockstep.ft.sim;

import org.jspecify.annotations.NullMarked;
