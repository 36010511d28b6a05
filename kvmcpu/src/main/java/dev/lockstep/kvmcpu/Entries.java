package dev.lockstep.kvmcpu;

import dev.lockstep.counting.Transition;
import java.util.function.Consumer;

/** Stays of the guest in the kernel: how long they were in all, and who is told of what they may add to a counter. */
final class Entries {
  private Consumer<Transition> observer = kind -> {};
  private long nanos;

  /** Who is told of each transition. */
  void setObserver(Consumer<Transition> told) {
    observer = told;
  }

  /** The guest came back from a KVM_RUN that began then, by {@link System#nanoTime}. */
  void cameBack(long began) {
    worked(began);
    observer.accept(Transition.EXIT);
  }

  /** The finisher has had the guest since then. */
  void worked(long began) {
    nanos += System.nanoTime() - began;
  }

  /** An event was handed to the kernel, which delivers it with the next entry. */
  void injected() {
    observer.accept(Transition.INJECTION);
  }

  /** Nanoseconds in the guest. */
  long nanos() {
    return nanos;
  }

  void setNanos(long set) {
    nanos = set;
  }
}
