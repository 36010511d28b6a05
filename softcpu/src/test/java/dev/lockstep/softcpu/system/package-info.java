/**
 * The system suite: small guests in ring 0 that meet the privileged architecture's corners, each expectation with its place in the manual. The same images run on the software CPU, whole and step by
 * step, and on QEMU's emulator; where the two differ, the case says so and why the manual allows it.
 */
@NullMarked
package dev.lockstep.softcpu.system;

import org.jspecify.annotations.NullMarked;
