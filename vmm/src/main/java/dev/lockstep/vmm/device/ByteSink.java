package dev.lockstep.vmm.device;

/** Where a device's output bytes go: an effect, taken by the machine. Must not call the device. */
@FunctionalInterface
public interface ByteSink {

  /**
   * Takes one byte.
   *
   * @param value 0..255
   */
  void put(int value);
}
