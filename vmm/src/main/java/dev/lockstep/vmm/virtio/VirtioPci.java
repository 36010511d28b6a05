package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.InterruptLine;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import dev.lockstep.vmm.pci.PciConfigSpace;
import dev.lockstep.vmm.pci.PciFunction;
import org.jspecify.annotations.Nullable;

/**
 * virtio over PCI, modern only (virtio 1.2, section 4.1): one memory BAR with common, ISR, device
 * and notify structures, the window through configuration space, and INTx. Without MSI-X.
 */
public final class VirtioPci implements PciFunction {
  /** Bytes of BAR 0. */
  public static final int BAR_BYTES = 0x4000;

  private static final int VERSION = 1;
  private static final int VENDOR = 0x1af4;
  private static final int DEVICE_BASE = 0x1040;
  private static final int REVISION = 1;

  private static final int COMMON = 0x0000;
  private static final int ISR = 0x1000;
  private static final int DEVICE = 0x2000;
  private static final int NOTIFY = 0x3000;
  private static final int STRUCTURE_BYTES = 0x1000;
  private static final int COMMON_BYTES = 0x38;
  private static final int NOTIFY_MULTIPLIER = 4;

  private static final int CAP_VENDOR = 0x09;
  private static final int CFG_COMMON = 1;
  private static final int CFG_NOTIFY = 2;
  private static final int CFG_ISR = 3;
  private static final int CFG_DEVICE = 4;
  private static final int CFG_PCI = 5;
  private static final int CAP_BAR = 4;
  private static final int CAP_OFFSET = 8;
  private static final int CAP_LENGTH = 12;
  private static final int CAP_DATA = 16;

  private static final int STATUS_DRIVER_OK = 0x04;
  private static final int STATUS_FEATURES_OK = 0x08;
  private static final int STATUS_NEEDS_RESET = 0x40;
  private static final int STATUS_DRIVER_BITS = 0x8f;

  private static final int ISR_QUEUE = 1;
  private static final int ISR_CONFIG = 2;
  private static final int NO_VECTOR = 0xffff;

  private final VirtioDevice device;
  private final PciConfigSpace config;
  private final Virtqueue[] queues;
  private final int windowCapability;

  private int status;
  private int isr;
  private int generation;
  private long driverFeatures;
  private int deviceFeatureSelect;
  private int driverFeatureSelect;
  private int queueSelect;
  private @Nullable String brokenReason;

  /**
   * A device that waits for its driver.
   *
   * @param device what it does
   * @param memory where its queues and buffers are
   * @param barAddress where BAR 0 is at the start
   * @param irq what the interrupt line register says at the start
   * @param line pin INTA#
   */
  public VirtioPci(
      VirtioDevice device, GuestMemory memory, long barAddress, int irq, InterruptLine line) {
    this.device = device;
    this.config =
        new PciConfigSpace(VENDOR, DEVICE_BASE + device.deviceId(), device.pciClass(), REVISION)
            .subsystem(VENDOR, DEVICE_BASE + device.deviceId())
            .interrupt(irq, line)
            .memoryBar(0, BAR_BYTES, barAddress);
    addStructure(CFG_COMMON, COMMON, COMMON_BYTES, 0);
    addStructure(CFG_NOTIFY, NOTIFY, STRUCTURE_BYTES, 4);
    addStructure(CFG_ISR, ISR, 1, 0);
    addStructure(CFG_DEVICE, DEVICE, STRUCTURE_BYTES, 0);
    windowCapability = addStructure(CFG_PCI, 0, 0, 4);
    config.allow(windowCapability + CAP_BAR, 1, 0xff);
    config.allow(windowCapability + CAP_OFFSET, 4, 0xffff_ffffL);
    config.allow(windowCapability + CAP_LENGTH, 4, 0xffff_ffffL);
    config.allow(windowCapability + CAP_DATA, 4, 0xffff_ffffL);
    int[] sizes = device.queueSizes();
    queues = new Virtqueue[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      queues[i] = new Virtqueue(memory, sizes[i], new Notifications());
    }
    device.connect(queues, this::configurationChanged);
  }

  private int addStructure(int type, int offset, int length, int extra) {
    byte[] body = new byte[14 + extra];
    body[0] = (byte) (16 + extra);
    body[1] = (byte) type;
    putInt(body, CAP_OFFSET - 2, offset);
    putInt(body, CAP_LENGTH - 2, length);
    if (type == CFG_NOTIFY) {
      putInt(body, 14, NOTIFY_MULTIPLIER);
    }
    return config.addCapability(CAP_VENDOR, body);
  }

  private static void putInt(byte[] body, int at, int value) {
    for (int i = 0; i < 4; i++) {
      body[at + i] = (byte) (value >>> 8 * i);
    }
  }

  /** What queues bring about. */
  private final class Notifications implements Virtqueue.Listener {
    @Override
    public void usedBufferNotification() {
      raise(ISR_QUEUE);
    }

    @Override
    public void broken(String why) {
      if (brokenReason == null) {
        brokenReason = why;
      }
      status |= STATUS_NEEDS_RESET;
      configurationChanged();
    }
  }

  private void configurationChanged() {
    if ((status & STATUS_DRIVER_OK) != 0) {
      generation = generation + 1 & 0xff;
      raise(ISR_CONFIG);
    }
  }

  private void raise(int cause) {
    isr |= cause;
    config.setInterrupt(true);
  }

  /** How the driver broke the rules since its last reset, for messages; null if it did not. */
  public @Nullable String brokenReason() {
    return brokenReason;
  }

  @Override
  public PciConfigSpace config() {
    return config;
  }

  @Override
  public String kind() {
    return device.kind();
  }

  @Override
  public long readConfig(int register, int width) {
    if (inWindow(register, width)) {
      return windowValid(width) ? read(windowOffset(), width) : -1;
    }
    return config.read(register, width);
  }

  @Override
  public void writeConfig(int register, int width, long value) {
    config.write(register, width, value);
    if (inWindow(register, width) && windowValid(width)) {
      write(windowOffset(), width, value);
    }
  }

  private boolean inWindow(int register, int width) {
    return register == windowCapability + CAP_DATA && width <= 4;
  }

  /** Whether the driver has set the window up for an access of this width (section 4.1.4.9). */
  private boolean windowValid(int width) {
    long offset = config.read(windowCapability + CAP_OFFSET, 4);
    return config.read(windowCapability + CAP_BAR, 1) == 0
        && config.read(windowCapability + CAP_LENGTH, 4) == width
        && offset % width == 0
        && offset + width <= BAR_BYTES;
  }

  private int windowOffset() {
    return (int) config.read(windowCapability + CAP_OFFSET, 4);
  }

  @Override
  public long read(int offset, int width) {
    int within = offset % STRUCTURE_BYTES;
    return switch (offset - within) {
      case COMMON -> readCommon(within, width);
      case ISR -> within == 0 ? readIsr() : 0;
      case DEVICE -> readDevice(within, width);
      default -> 0;
    };
  }

  @Override
  public void write(int offset, int width, long value) {
    int within = offset % STRUCTURE_BYTES;
    switch (offset - within) {
      case COMMON -> writeCommon(within, width, value);
      case NOTIFY -> notifyQueue(within / NOTIFY_MULTIPLIER);
      default -> {
        // The ISR is read-only, and no device here has writable configuration.
      }
    }
  }

  private int readIsr() {
    int value = isr;
    isr = 0;
    config.setInterrupt(false);
    return value;
  }

  private long readDevice(int offset, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (device.readConfig(offset + i) & 0xffL) << 8 * i;
    }
    return value;
  }

  private long readCommon(int offset, int width) {
    int aligned = offset & ~3;
    return (commonWord(aligned) & 0xffff_ffffL) >>> 8 * (offset - aligned);
  }

  /** Four bytes of the common structure (section 4.1.4.3). */
  private int commonWord(int offset) {
    Virtqueue queue = selectedQueue();
    return switch (offset) {
      case 0x00 -> deviceFeatureSelect;
      case 0x04 -> featureWord(offeredFeatures(), deviceFeatureSelect);
      case 0x08 -> driverFeatureSelect;
      case 0x0c -> featureWord(driverFeatures, driverFeatureSelect);
      case 0x10 -> queues.length << 16 | NO_VECTOR;
      case 0x14 -> queueSelect << 16 | generation << 8 | status;
      case 0x18 -> NO_VECTOR << 16 | (queue == null ? 0 : queue.size());
      case 0x1c -> queueSelect << 16 | (queue != null && queue.enabled() ? 1 : 0);
      case 0x20 -> queue == null ? 0 : (int) queue.descriptors();
      case 0x24 -> queue == null ? 0 : (int) (queue.descriptors() >>> 32);
      case 0x28 -> queue == null ? 0 : (int) queue.available();
      case 0x2c -> queue == null ? 0 : (int) (queue.available() >>> 32);
      case 0x30 -> queue == null ? 0 : (int) queue.used();
      case 0x34 -> queue == null ? 0 : (int) (queue.used() >>> 32);
      default -> 0;
    };
  }

  private static int featureWord(long features, int select) {
    return switch (select) {
      case 0 -> (int) features;
      case 1 -> (int) (features >>> 32);
      default -> 0;
    };
  }

  private long offeredFeatures() {
    return device.features()
        | VirtioDevice.F_VERSION_1
        | VirtioDevice.F_INDIRECT_DESCRIPTORS
        | VirtioDevice.F_EVENT_INDEX;
  }

  private @Nullable Virtqueue selectedQueue() {
    return queueSelect < queues.length ? queues[queueSelect] : null;
  }

  /** A field is written in its own width; anything else is no access of a driver, and ignored. */
  private void writeCommon(int offset, int width, long value) {
    int word = (int) value;
    switch (offset << 4 | width) {
      case 0x004 -> deviceFeatureSelect = word;
      case 0x084 -> driverFeatureSelect = word;
      case 0x0c4 -> writeDriverFeatures(word);
      case 0x141 -> writeStatus(word);
      case 0x162 -> queueSelect = word;
      default -> writeQueue(offset, width, word);
    }
  }

  private void writeQueue(int offset, int width, int word) {
    Virtqueue queue = selectedQueue();
    if (queue == null) {
      return;
    }
    switch (offset << 4 | width) {
      case 0x182 -> queue.setSize(word);
      case 0x1c2 -> {
        if (word == 1 && (status & STATUS_FEATURES_OK) != 0) {
          queue.enable(
              (driverFeatures & VirtioDevice.F_INDIRECT_DESCRIPTORS) != 0,
              (driverFeatures & VirtioDevice.F_EVENT_INDEX) != 0);
        }
      }
      case 0x204 -> queue.setDescriptors(low(queue.descriptors(), word));
      case 0x244 -> queue.setDescriptors(high(queue.descriptors(), word));
      case 0x284 -> queue.setAvailable(low(queue.available(), word));
      case 0x2c4 -> queue.setAvailable(high(queue.available(), word));
      case 0x304 -> queue.setUsed(low(queue.used(), word));
      case 0x344 -> queue.setUsed(high(queue.used(), word));
      default -> {
        // Read-only, or a vector: there is no MSI-X, and it stays at "none".
      }
    }
  }

  private static long low(long address, int word) {
    return address & 0xffff_ffff_0000_0000L | word & 0xffff_ffffL;
  }

  private static long high(long address, int word) {
    return (long) word << 32 | address & 0xffff_ffffL;
  }

  private void writeDriverFeatures(int word) {
    if ((status & STATUS_FEATURES_OK) != 0) {
      return;
    }
    if (driverFeatureSelect == 0) {
      driverFeatures = low(driverFeatures, word);
    } else if (driverFeatureSelect == 1) {
      driverFeatures = high(driverFeatures, word);
    }
  }

  private void writeStatus(int value) {
    if ((value & 0xff) == 0) {
      reset();
      return;
    }
    int before = status;
    // The driver only ever adds bits (section 2.1.1).
    status |= value & STATUS_DRIVER_BITS;
    if ((before & STATUS_FEATURES_OK) == 0 && !featuresAcceptable()) {
      status &= ~STATUS_FEATURES_OK;
    }
    if ((status & ~before & STATUS_DRIVER_OK) != 0) {
      for (Virtqueue queue : queues) {
        queue.start();
      }
      device.activate(driverFeatures);
    }
  }

  private boolean featuresAcceptable() {
    return (driverFeatures & ~offeredFeatures()) == 0
        && (driverFeatures & VirtioDevice.F_VERSION_1) != 0;
  }

  private void reset() {
    status = 0;
    isr = 0;
    config.setInterrupt(false);
    driverFeatures = 0;
    deviceFeatureSelect = 0;
    driverFeatureSelect = 0;
    queueSelect = 0;
    brokenReason = null;
    for (Virtqueue queue : queues) {
      queue.reset();
    }
    device.reset();
  }

  private void notifyQueue(int index) {
    boolean running = (status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
    if (running && index < queues.length && queues[index].live()) {
      device.notified(index);
    }
  }

  @Override
  public DeviceState save() {
    StateWriter out = new StateWriter(kind(), VERSION);
    config.save(out);
    out.number("status", status)
        .number("isr", isr)
        .number("generation", generation)
        .number("driverFeatures", driverFeatures)
        .number("deviceFeatureSelect", deviceFeatureSelect)
        .number("driverFeatureSelect", driverFeatureSelect)
        .number("queueSelect", queueSelect);
    for (int i = 0; i < queues.length; i++) {
      queues[i].save(out, "queue%d.".formatted(i));
    }
    device.save(out);
    return out.state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    config.restore(in);
    status = in.octet("status");
    isr = in.octet("isr");
    generation = in.octet("generation");
    driverFeatures = in.number("driverFeatures");
    deviceFeatureSelect = (int) in.number("deviceFeatureSelect");
    driverFeatureSelect = (int) in.number("driverFeatureSelect");
    queueSelect = in.integer("queueSelect", 0, 0xffff);
    for (int i = 0; i < queues.length; i++) {
      queues[i].restore(in, "queue%d.".formatted(i));
    }
    device.restore(in);
    in.end();
    brokenReason = null;
  }
}
