/**
 * Java against C on the same guest: what the bindings and the engine add to the kernel's KVM.
 *
 * <p>{@link dev.lockstep.benchmarks.kvm.KvmAgainstC} is the program. A {@code Quantity} names what is timed and makes the guest for it; the guest's memory and first state are made once, in Java, and
 * handed to {@code kvm-loops.c} as a file, so that both sides run the same bytes from the same state by the same ioctls. Each sample is timed on its own side, by the same clock. C and Java take turns, so
 * that neighbours on the host disturb both alike; only medians and ratios are worth anything.
 *
 * <p>It guards: the calls into the kernel cost no more than C's, and the path of an exit allocates nothing.
 */
@NullMarked
package dev.lockstep.benchmarks.kvm;

import org.jspecify.annotations.NullMarked;
