package dev.lockstep.vmm.device;

/**
 * The ACPI power management timer: 24 bits counting at 3.579545 MHz, read-only (ACPI specification
 * 6.5, section 4.8.2.1). Without ACPI there is no overflow interrupt. Has no state but virtual
 * time.
 */
public final class PmTimer implements Device {
  /** Counts in a second. */
  public static final long FREQUENCY_HZ = 3_579_545;

  private static final int VERSION = 1;
  private static final long MASK = 0xff_ffff;

  private final VirtualTime time;

  /** A timer that counts with this clock. */
  public PmTimer(VirtualTime time) {
    this.time = time;
  }

  @Override
  public String kind() {
    return "pmtimer";
  }

  @Override
  public long read(int offset, int width) {
    return (Ticks.ofNanos(time.nowNanos(), FREQUENCY_HZ) & MASK) >>> (8 * offset);
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
