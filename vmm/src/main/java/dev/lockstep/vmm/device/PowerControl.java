package dev.lockstep.vmm.device;

/**
 * How a device asks for the end of the machine: an effect, taken by the machine after the access.
 */
public interface PowerControl {

  /**
   * The guest asked for a hardware reset.
   *
   * @param source which device's way it took, for messages ("i8042", "port 92h", …)
   */
  void requestReset(String source);

  /**
   * The guest ended itself by the debug-exit port.
   *
   * @param value what it wrote
   */
  void requestExit(int value);
}
