package dev.lockstep.vmm.pci;

import dev.lockstep.vmm.device.Device;

/**
 * A device in a PCI slot. As a {@link Device} it is what its BAR 0 shows; it never learns where
 * that is.
 */
public interface PciFunction extends Device {

  /** Its configuration space. */
  PciConfigSpace config();

  /** A guest's read of configuration space. */
  default long readConfig(int register, int width) {
    return config().read(register, width);
  }

  /** A guest's write of configuration space. */
  default void writeConfig(int register, int width, long value) {
    config().write(register, width, value);
  }
}
