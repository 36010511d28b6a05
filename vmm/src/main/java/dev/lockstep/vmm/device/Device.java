package dev.lockstep.vmm.device;

import dev.lockstep.engine.VmmException;

/**
 * One device of the machine: registers behind offsets, and a state that can be saved and restored.
 * Everything happens on the vCPU's thread, at an execution point.
 *
 * <p>Offsets are the device's own; where a device shows through several windows, the layout gives
 * each window its first offset. A device never throws for what a guest does to it.
 */
public interface Device {

  /** The device's name in states and messages; unique in a machine and stable between versions. */
  String kind();

  /**
   * A guest's read.
   *
   * @param offset from the device's first register
   * @param width bytes: 1, 2, 4 or 8, at most what the bus was told the device takes at once
   * @return the value; bits above {@code width} are ignored
   */
  long read(int offset, int width);

  /**
   * A guest's write.
   *
   * @param offset from the device's first register
   * @param width bytes: 1, 2, 4 or 8, at most what the bus was told the device takes at once
   * @param value zero-extended from {@code width} bytes
   */
  void write(int offset, int width, long value);

  /** The whole state that the guest's future depends on. Changes nothing. */
  DeviceState save();

  /**
   * Continues from a saved state. Drives no line and causes no effect: lines' levels are part of
   * the interrupt controller's own state.
   *
   * @throws VmmException if the state is not one of this kind and version, naming the field
   */
  void restore(DeviceState state);
}
