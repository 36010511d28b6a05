package dev.lockstep.vmm.pci;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;

/**
 * The host bridge at 00:00.0: class 0x0600, by which Linux knows that configuration mechanism 1
 * works.
 */
public final class PciHostBridge implements PciFunction {
  private static final int VERSION = 1;
  // Red Hat's generic host bridge: no driver and no quirk of the guest takes it for real hardware.
  private static final int VENDOR = 0x1b36;
  private static final int DEVICE = 0x0008;
  private static final int CLASS_HOST_BRIDGE = 0x06_00_00;

  private final PciConfigSpace config =
      new PciConfigSpace(VENDOR, DEVICE, CLASS_HOST_BRIDGE, 0).subsystem(0x1af4, 0x1100);

  @Override
  public PciConfigSpace config() {
    return config;
  }

  @Override
  public String kind() {
    return "hostbridge";
  }

  @Override
  public long read(int offset, int width) {
    return -1;
  }

  @Override
  public void write(int offset, int width, long value) {
    // Has no BAR.
  }

  @Override
  public DeviceState save() {
    StateWriter out = new StateWriter(kind(), VERSION);
    config.save(out);
    return out.state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    config.restore(in);
    in.end();
  }
}
