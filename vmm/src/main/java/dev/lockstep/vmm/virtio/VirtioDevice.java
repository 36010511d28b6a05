package dev.lockstep.vmm.virtio;

import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;

/**
 * What a kind of virtio device does, apart from how it is found and set up: that is the
 * transport's, {@link VirtioPci}. Called on the vCPU's thread.
 */
public abstract class VirtioDevice {
  /** Feature bits that every device here offers, by the transport (virtio 1.2, chapter 6). */
  static final long F_INDIRECT_DESCRIPTORS = 1L << 28;

  static final long F_EVENT_INDEX = 1L << 29;
  static final long F_VERSION_1 = 1L << 32;

  private Virtqueue[] queues = {};
  private Runnable configurationChange = () -> {};

  VirtioDevice() {}

  /** The device's name in states and messages. */
  abstract String kind();

  /** The virtio device ID (virtio 1.2, chapter 5). */
  abstract int deviceId();

  /** PCI class, subclass and programming interface. */
  abstract int pciClass();

  /** The feature bits it offers beyond the transport's. */
  abstract long features();

  /** The greatest size of each queue; powers of two. */
  abstract int[] queueSizes();

  /** One byte of the device's configuration; 0 beyond its end. */
  abstract int readConfig(int offset);

  /** The driver has set DRIVER_OK, having accepted these features. */
  abstract void activate(long features);

  /** The driver notified a queue that is live. */
  abstract void notified(int queue);

  /** Forgets everything but its identity. */
  abstract void reset();

  abstract void save(StateWriter out);

  abstract void restore(StateReader in);

  /**
   * @param configurationChange tells the driver that the configuration is another
   */
  final void connect(Virtqueue[] connected, Runnable configurationChange) {
    queues = connected;
    this.configurationChange = configurationChange;
  }

  /** To be called when {@link #readConfig} answers something else than before, but for a reset (section 2.5.1). */
  final void configurationChanged() {
    configurationChange.run();
  }

  final Virtqueue queue(int index) {
    return queues[index];
  }
}
