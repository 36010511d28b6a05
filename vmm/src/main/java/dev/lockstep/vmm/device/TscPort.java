package dev.lockstep.vmm.device;

/**
 * The virtual time-stamp counter as a register of 32 bits, for kernels whose RDTSC was patched into IN: virtual time in nanoseconds, which is what RDTSC reads where an engine has it. Its high half
 * goes to the guest with the same answer. Has no state but virtual time.
 */
public final class TscPort implements Device {
  private static final int VERSION = 1;

  private final VirtualTime time;

  /** A counter of this clock. */
  public TscPort(VirtualTime time) {
    this.time = time;
  }

  @Override
  public String kind() {
    return "tsc";
  }

  @Override
  public long read(int offset, int width) {
    return time.nowNanos() >>> (8 * offset);
  }

  /** All of it. */
  public long now() {
    return time.nowNanos();
  }

  /** Bits 63:32. */
  public int high() {
    return (int) (time.nowNanos() >>> 32);
  }

  @Override
  public void write(int offset, int width, long value) {
    // Read-only.
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
