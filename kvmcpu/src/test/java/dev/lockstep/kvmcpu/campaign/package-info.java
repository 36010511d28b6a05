/** Long randomised runs of the kvm engine: state that moves between engines at random moments, and states, code and answers at random. Samples of a few seconds in every build, whole when tagged "long" is run. */
@NullMarked
package dev.lockstep.kvmcpu.campaign;

import org.jspecify.annotations.NullMarked;
