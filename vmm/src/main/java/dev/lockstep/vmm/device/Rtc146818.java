package dev.lockstep.vmm.device;

/**
 * The MC146818A real-time clock with its CMOS memory (Motorola data sheet MC146818A, 1984), as an
 * AT wires it: 32.768 kHz, index and data register, the century in byte 0x32.
 *
 * <p>The clock shows UTC: a wall clock given at the start, carried on by virtual time, and moved by
 * the guest or by the input event {@link #step}. Flags are found when somebody looks; only what is
 * enabled to interrupt makes a deadline. An update takes no time, announced by "update in progress"
 * 244 microseconds ahead. Not there: the square wave output, and daylight saving by itself (the
 * bits are kept).
 *
 * <p>Offsets: 0 index, 1 data.
 */
public final class Rtc146818 implements TimedDevice {
  private static final int VERSION = 1;
  private static final int CMOS_BYTES = 128;
  private static final long SECOND = 1_000_000_000L;
  private static final long UPDATE_WARNING_NANOS = 244_000;
  private static final long CRYSTAL_HZ = 32_768;

  private static final int ALARM_SECONDS = 0x01;
  private static final int ALARM_MINUTES = 0x03;
  private static final int ALARM_HOURS = 0x05;
  private static final int REGISTER_A = 0x0a;
  private static final int REGISTER_B = 0x0b;
  private static final int REGISTER_C = 0x0c;
  private static final int REGISTER_D = 0x0d;

  private static final int A_UPDATE_IN_PROGRESS = 0x80;
  private static final int A_WRITABLE = 0x7f;
  private static final int A_DEFAULT = 0x26;
  private static final int B_SET = 0x80;
  private static final int B_UPDATE = 0x10;
  private static final int B_INTERRUPTS = 0x70;
  private static final int B_24_HOURS = 0x02;
  private static final int C_REQUEST = 0x80;
  private static final int C_PERIODIC = 0x40;
  private static final int C_ALARM = 0x20;
  private static final int C_UPDATE = 0x10;
  private static final int D_VALID = 0x80;

  private final VirtualTime time;
  private final InterruptLine line;

  private final byte[] cmos = new byte[CMOS_BYTES];
  private int index;
  private int registerA = A_DEFAULT;
  private int registerB = B_24_HOURS;
  private int flags;
  private long flagsUpTo;
  // The chain of dividers began a second at origin, and the calendar showed originSeconds then.
  private long origin;
  private long originSeconds;
  private int weekdayShift;
  private long deadline = NO_DEADLINE;

  /**
   * A clock as firmware leaves it: running, 24 hours, BCD, no interrupts.
   *
   * @param time virtual time
   * @param line its interrupt
   * @param wallClockNanos what it shows when virtual time is zero: UTC, nanoseconds since 1970
   * @param memoryBelow bytes of memory below 4 GiB, at least 1 MiB; CMOS memory tells it
   * @param memoryAbove bytes of memory from 4 GiB on
   */
  public Rtc146818(
      VirtualTime time,
      InterruptLine line,
      long wallClockNanos,
      long memoryBelow,
      long memoryAbove) {
    this.time = time;
    this.line = line;
    this.origin = -Math.floorMod(wallClockNanos, SECOND);
    this.originSeconds = Math.floorDiv(wallClockNanos, SECOND);
    this.flagsUpTo = Math.max(0, time.nowNanos());
    CmosMemorySize.write(cmos, memoryBelow, memoryAbove);
  }

  /**
   * Input event: the wall clock is found to be ahead of what virtual time has made of it.
   *
   * @param nanos how far; negative to go back
   */
  public void step(long nanos) {
    sync(time.nowNanos());
    origin -= nanos;
    changed();
  }

  // What time it is.

  private boolean dividerHeld() {
    return (registerA & 0x60) == 0x60;
  }

  /** The calendar stands: its registers are what was last shown or written. */
  private boolean frozen() {
    return (registerB & B_SET) != 0 || dividerHeld();
  }

  private long secondsSinceOrigin(long now) {
    return Math.floorDiv(now - origin, SECOND);
  }

  private long calendarSeconds(long now) {
    return originSeconds + secondsSinceOrigin(now);
  }

  private void freeze(long now) {
    RtcCalendar.encode(cmos, calendarSeconds(now), weekdayShift, registerB);
  }

  private void thaw(long now) {
    long seconds = RtcCalendar.decode(cmos, registerB);
    weekdayShift = RtcCalendar.weekdayShift(cmos, seconds);
    originSeconds = seconds - secondsSinceOrigin(now);
  }

  // Flags and deadlines.

  /** Which flags come up in the time after one moment up to and including another. */
  private int flagsBetween(long after, long upTo) {
    int found = 0;
    long period = periodTicks();
    if (period != 0 && periodsSinceOrigin(after, period) != periodsSinceOrigin(upTo, period)) {
      found |= C_PERIODIC;
    }
    long seconds = secondsSinceOrigin(upTo) - secondsSinceOrigin(after);
    if (!frozen() && seconds != 0) {
      found |= C_UPDATE;
      long alarm = untilAlarm(calendarSeconds(after));
      if (alarm != RtcCalendar.NO_ALARM && alarm <= seconds) {
        found |= C_ALARM;
      }
    }
    return found;
  }

  /** Ticks of the crystal between periodic interrupts; 0 for none. */
  private long periodTicks() {
    int rate = registerA & 0x0f;
    if (rate == 0 || dividerHeld()) {
      return 0;
    }
    return rate <= 2 ? 64L << rate : 1L << rate - 1;
  }

  private long periodsSinceOrigin(long now, long period) {
    return Math.floorDiv(Ticks.ofNanos(now - origin, CRYSTAL_HZ), period);
  }

  private long untilAlarm(long calendarSeconds) {
    return RtcCalendar.untilAlarm(
        calendarSeconds,
        cmos[ALARM_HOURS] & 0xff,
        cmos[ALARM_MINUTES] & 0xff,
        cmos[ALARM_SECONDS] & 0xff,
        registerB);
  }

  private void sync(long now) {
    if (now > flagsUpTo) {
      flags |= flagsBetween(flagsUpTo, now);
      flagsUpTo = now;
    }
  }

  /** After a change: drives the line and finds the next moment at which it rises by itself. */
  private void changed() {
    boolean asserted = (flags & registerB & B_INTERRUPTS) != 0;
    line.set(asserted);
    deadline = asserted ? NO_DEADLINE : nextInterrupt(flagsUpTo);
  }

  private long nextInterrupt(long now) {
    long next = NO_DEADLINE;
    long period = periodTicks();
    if ((registerB & C_PERIODIC) != 0 && period != 0) {
      long tick = (periodsSinceOrigin(now, period) + 1) * period;
      next = origin + Ticks.toNanos(tick, CRYSTAL_HZ);
    }
    if (!frozen()) {
      if ((registerB & C_UPDATE) != 0) {
        next = Math.min(next, origin + (secondsSinceOrigin(now) + 1) * SECOND);
      }
      long alarm = untilAlarm(calendarSeconds(now));
      if ((registerB & C_ALARM) != 0 && alarm != RtcCalendar.NO_ALARM) {
        next = Math.min(next, origin + (secondsSinceOrigin(now) + alarm) * SECOND);
      }
    }
    return next;
  }

  @Override
  public long nextDeadlineNanos() {
    return deadline;
  }

  @Override
  public void advance(long nowNanos) {
    if (nowNanos >= deadline) {
      sync(nowNanos);
      changed();
    }
  }

  // Registers.

  @Override
  public String kind() {
    return "rtc";
  }

  @Override
  public long read(int offset, int width) {
    if (offset != 1) {
      return 0xff;
    }
    long now = time.nowNanos();
    return switch (index) {
      case REGISTER_A -> readA(now);
      case REGISTER_B -> registerB;
      case REGISTER_C -> readC(now);
      case REGISTER_D -> D_VALID;
      default -> {
        if (RtcCalendar.isCalendar(index) && !frozen()) {
          freeze(now);
        }
        yield cmos[index] & 0xff;
      }
    };
  }

  private int readA(long now) {
    boolean soon =
        SECOND - Math.floorMod(now - origin, SECOND) <= UPDATE_WARNING_NANOS && !frozen();
    return registerA | (soon ? A_UPDATE_IN_PROGRESS : 0);
  }

  private int readC(long now) {
    sync(now);
    int value = flags | ((flags & registerB & B_INTERRUPTS) != 0 ? C_REQUEST : 0);
    flags = 0;
    changed();
    return value;
  }

  @Override
  public void write(int offset, int width, long value) {
    int octet = (int) value & 0xff;
    if (offset == 0) {
      // Bit 7 would mask NMI, of which the machine has no source.
      index = octet & 0x7f;
    } else if (offset == 1) {
      long now = time.nowNanos();
      sync(now);
      writeData(octet, now);
      changed();
    }
  }

  private void writeData(int octet, long now) {
    switch (index) {
      case REGISTER_A -> writeA(octet, now);
      case REGISTER_B -> writeB(octet, now);
      case REGISTER_C, REGISTER_D -> {
        // Read-only.
      }
      default -> {
        if (!RtcCalendar.isCalendar(index) || frozen()) {
          cmos[index] = (byte) octet;
        } else {
          freeze(now);
          cmos[index] = (byte) octet;
          thaw(now);
        }
      }
    }
  }

  private void writeA(int octet, long now) {
    boolean wasFrozen = frozen();
    boolean wasHeld = dividerHeld();
    if (!wasFrozen) {
      freeze(now);
    }
    registerA = octet & A_WRITABLE;
    if (wasHeld && !dividerHeld()) {
      // The first update comes half a second after the dividers are let go.
      origin = now - SECOND / 2;
    }
    if (!frozen() && (wasFrozen || wasHeld)) {
      thaw(now);
    }
  }

  private void writeB(int octet, long now) {
    boolean wasFrozen = frozen();
    if (!wasFrozen) {
      freeze(now);
    }
    registerB = octet;
    if ((octet & B_SET) != 0) {
      registerB &= ~B_UPDATE;
    }
    if (wasFrozen && !frozen()) {
      thaw(now);
    }
  }

  @Override
  public DeviceState save() {
    // As if looked at now, but not past an interrupt that has not been taken yet.
    long now = Math.max(flagsUpTo, Math.min(time.nowNanos(), deadline - 1));
    byte[] shown = cmos.clone();
    if (!frozen()) {
      // Between two looks at the calendar its registers hold what was last shown.
      RtcCalendar.clear(shown);
    }
    return new StateWriter(kind(), VERSION)
        .bytes("cmos", shown)
        .number("index", index)
        .number("registerA", registerA)
        .number("registerB", registerB)
        .number("flags", flags | flagsBetween(flagsUpTo, now))
        .number("flagsUpTo", now)
        .number("origin", origin)
        .number("originSeconds", originSeconds)
        .number("weekdayShift", weekdayShift)
        .number("deadline", deadline)
        .state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    byte[] saved = in.bytes("cmos", CMOS_BYTES);
    index = in.integer("index", 0, 0x7f);
    registerA = in.integer("registerA", 0, A_WRITABLE);
    registerB = in.octet("registerB");
    flags = in.integer("flags", 0, 0x70);
    flagsUpTo = in.number("flagsUpTo");
    origin = in.number("origin");
    originSeconds = in.number("originSeconds");
    weekdayShift = in.integer("weekdayShift", 0, 6);
    deadline = in.number("deadline");
    in.end();
    System.arraycopy(saved, 0, cmos, 0, CMOS_BYTES);
  }
}
