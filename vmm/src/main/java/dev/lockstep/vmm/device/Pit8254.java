package dev.lockstep.vmm.device;

/**
 * The 8254 programmable interval timer at 1193182 Hz, with system control port B (0x61), which
 * gates channel 2 and shows its output. Channel 0 drives the timer interrupt, channel 2 would drive
 * a speaker. Everything is computed from virtual time when it is looked at.
 *
 * <p>Offsets: 0..2 the counters, 3 the control word, 4 system control port B. A count of 1 in modes
 * 2 and 3 is illegal (Intel 8254 data sheet); here it holds the output high.
 */
public final class Pit8254 implements TimedDevice {
  /** Counts in a second. */
  public static final long FREQUENCY_HZ = 1_193_182;

  private static final int VERSION = 1;
  private static final int CHANNELS = 3;
  private static final int CONTROL_B_WRITABLE = 0x0f;
  private static final int CONTROL_B_GATE = 0x01;
  private static final int CONTROL_B_REFRESH = 0x10;
  private static final int CONTROL_B_OUT = 0x20;
  // Refresh is requested every 18 ticks, 15 microseconds; the bit toggles with each request.
  private static final long REFRESH_TICKS = 18;

  private final VirtualTime time;
  private final InterruptLine line;
  // The data sheet leaves open what is in a counter at power-on. Linux's KASLR waits for channel 0
  // to
  // have a count, as firmware leaves it, before anything else has touched it.
  private final PitChannel[] channels = {
    PitChannel.leftByFirmware(), new PitChannel(true), new PitChannel(false)
  };
  private int controlB;
  private long deadlineTick = PitChannel.NEVER;

  /**
   * A timer in which no channel counts yet.
   *
   * @param time the clock it counts with
   * @param line channel 0's output
   */
  public Pit8254(VirtualTime time, InterruptLine line) {
    this.time = time;
    this.line = line;
  }

  @Override
  public String kind() {
    return "pit";
  }

  @Override
  public long nextDeadlineNanos() {
    return deadlineTick == PitChannel.NEVER
        ? NO_DEADLINE
        : Ticks.toNanos(deadlineTick, FREQUENCY_HZ);
  }

  @Override
  public void advance(long nowNanos) {
    long tick = Ticks.ofNanos(nowNanos, FREQUENCY_HZ);
    if (tick < deadlineTick) {
      return;
    }
    PitChannel channel = channels[0];
    boolean level = channel.out(deadlineTick);
    boolean risen = level;
    deadlineTick = channel.nextChange(deadlineTick);
    if (deadlineTick <= tick) {
      // Of two changes one is a rise; however many there were, the interrupt controller keeps one.
      risen = true;
      level = channel.out(tick);
      deadlineTick = channel.nextChange(tick);
    }
    if (risen) {
      line.set(false);
      line.set(true);
    }
    line.set(level);
  }

  /** After a write to channel 0: its output may have changed at once, and so has its future. */
  private void reprogrammed(long tick) {
    line.set(channels[0].out(tick));
    deadlineTick = channels[0].nextChange(tick);
  }

  @Override
  public long read(int offset, int width) {
    long now = time.nowNanos();
    advance(now);
    long tick = Ticks.ofNanos(now, FREQUENCY_HZ);
    return switch (offset) {
      case 0, 1, 2 -> channels[offset].read(tick);
      case 4 -> readControlB(tick);
      default -> 0xff;
    };
  }

  private int readControlB(long tick) {
    int value = controlB;
    if ((tick / REFRESH_TICKS & 1) != 0) {
      value |= CONTROL_B_REFRESH;
    }
    if (channels[2].out(tick)) {
      value |= CONTROL_B_OUT;
    }
    return value;
  }

  @Override
  public void write(int offset, int width, long value) {
    long now = time.nowNanos();
    advance(now);
    long tick = Ticks.ofNanos(now, FREQUENCY_HZ);
    int octet = (int) value & 0xff;
    switch (offset) {
      case 0, 1, 2 -> channels[offset].writeCount(octet, tick);
      case 3 -> writeControl(octet, tick);
      case 4 -> {
        controlB = octet & CONTROL_B_WRITABLE;
        channels[2].setGate((octet & CONTROL_B_GATE) != 0, tick);
      }
      default -> {
        // No such register.
      }
    }
    if (offset == 0 || offset == 3) {
      reprogrammed(tick);
    }
  }

  private void writeControl(int octet, long tick) {
    int select = octet >>> 6;
    if (select == CHANNELS) {
      readBack(octet, tick);
    } else if ((octet & 0x30) == 0) {
      channels[select].latchCount(tick);
    } else {
      channels[select].writeControl(octet, tick);
    }
  }

  private void readBack(int octet, long tick) {
    for (int i = 0; i < CHANNELS; i++) {
      if ((octet & 2 << i) != 0) {
        if ((octet & 0x20) == 0) {
          channels[i].latchCount(tick);
        }
        if ((octet & 0x10) == 0) {
          channels[i].latchStatus(tick);
        }
      }
    }
  }

  @Override
  public DeviceState save() {
    StateWriter out = new StateWriter(kind(), VERSION);
    // As if looked at now, but not past an edge that has not been taken yet.
    long tick = Ticks.ofNanos(time.nowNanos(), FREQUENCY_HZ);
    channels[0].save(out, "channel0.", Math.min(tick, deadlineTick - 1));
    channels[1].save(out, "channel1.", tick);
    channels[2].save(out, "channel2.", tick);
    return out.number("controlB", controlB).number("deadlineTick", deadlineTick).state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    for (int i = 0; i < CHANNELS; i++) {
      channels[i].restore(in, "channel%d.".formatted(i));
    }
    controlB = in.integer("controlB", 0, CONTROL_B_WRITABLE);
    deadlineTick = in.number("deadlineTick");
    in.end();
  }
}
