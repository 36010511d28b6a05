package dev.lockstep.vmm.machine;

/** The numbers by which log entries and outputs name a machine's devices; its log's header has their names in the same order. */
public final class DeviceIndexes {
  /** The UART: takes input, puts out a stream. */
  public static final int UART0 = 0;

  /** The virtio console: takes input, puts out a stream. */
  public static final int CONSOLE = 1;

  /** The entropy device. */
  public static final int ENTROPY = 2;

  /** The first disk; the others follow, and behind them the network, if there is one. */
  public static final int FIRST_DISK = 3;

  private DeviceIndexes() {}

  /** The network interface: takes frames, and puts out a stream of {@link dev.lockstep.vmm.net.Frames}. */
  public static int network(int disks) {
    return FIRST_DISK + disks;
  }

  /** How many there are. */
  static int count(int disks, boolean network) {
    return FIRST_DISK + disks + (network ? 1 : 0);
  }
}
