/** The kvm engine under a counter: by guests that count their own branches where the host has no PMU, and by the PMU where it has one. */
@NullMarked
package dev.lockstep.kvmcpu.counted;

import org.jspecify.annotations.NullMarked;
