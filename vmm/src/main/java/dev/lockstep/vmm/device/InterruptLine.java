package dev.lockstep.vmm.device;

/**
 * A device's interrupt output, injected by whoever wired the machine. Setting a level that it has
 * already does nothing.
 */
@FunctionalInterface
public interface InterruptLine {

  /** A line that ends nowhere. */
  InterruptLine UNCONNECTED = asserted -> {};

  /** Drives the line: true while the device asks for service. */
  void set(boolean asserted);
}
