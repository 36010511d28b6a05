package dev.lockstep.vmm.device;

/**
 * The debug-exit port: a guest that writes here ends the machine, and the value becomes its exit
 * code. Reads as zero. Has no state.
 */
public final class DebugExit implements Device {
  private static final int VERSION = 1;

  private final PowerControl power;

  /** A port that asks here for the end. */
  public DebugExit(PowerControl power) {
    this.power = power;
  }

  @Override
  public String kind() {
    return "debugexit";
  }

  @Override
  public long read(int offset, int width) {
    return 0;
  }

  @Override
  public void write(int offset, int width, long value) {
    power.requestExit((int) value);
  }

  @Override
  public DeviceState save() {
    return new StateWriter(kind(), VERSION).state();
  }

  @Override
  public void restore(DeviceState state) {
    state.reader(kind(), VERSION).end();
  }
}
