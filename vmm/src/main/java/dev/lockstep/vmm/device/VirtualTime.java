package dev.lockstep.vmm.device;

/** The machine's virtual clock, as devices read it: the only time a guest ever sees. */
@FunctionalInterface
public interface VirtualTime {

  /** Nanoseconds since the machine was started; never goes back. */
  long nowNanos();
}
