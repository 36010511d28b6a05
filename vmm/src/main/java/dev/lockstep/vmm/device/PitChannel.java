package dev.lockstep.vmm.device;

/**
 * One counter of an 8254 (Intel 8254 data sheet, order number 231164), computed from the number of
 * its clock's ticks instead of being stepped. The state "at tick t" holds from t until t + 1; what
 * is written during tick t takes effect with the clock pulse at t + 1, as the data sheet says.
 *
 * <p>A counting element that runs is described by the tick at which it was loaded and the count it
 * was loaded with; one that stands still, by its count.
 */
final class PitChannel {
  /** No tick: nothing will happen. */
  static final long NEVER = Long.MAX_VALUE;

  private static final int LOW_THEN_HIGH = 3;
  private static final int ACCESS_HIGH = 2;

  // Control word and bus interface.
  private int control = 0x30;
  private boolean armed;
  private int reload = 0x1_0000;
  private int lowByte;
  private boolean writeHighNext;
  private boolean readHighNext;
  private boolean countLatched;
  private int latchedCount;
  private boolean statusLatched;
  private int latchedStatus;
  private boolean nullCount = true;
  private boolean gate;

  // Counting element.
  private boolean running;
  private long start;
  private int loaded = 1;
  private int held;
  private boolean highAtStart = true;
  private boolean terminal;
  private long strobeTick = -1;
  private long loadAt = NEVER;

  /** One that has never had a count. */
  PitChannel(boolean gate) {
    this.gate = gate;
  }

  /** One in which a count of zero stands that firmware has left, and that makes no interrupts. */
  static PitChannel leftByFirmware() {
    PitChannel channel = new PitChannel(true);
    channel.nullCount = false;
    return channel;
  }

  private int mode() {
    int mode = control >>> 1 & 7;
    return mode > 5 ? mode & 3 : mode;
  }

  private int modulus() {
    return (control & 1) != 0 ? 10_000 : 0x1_0000;
  }

  private int access() {
    return control >>> 4 & 3;
  }

  private boolean periodic() {
    return mode() == 2 || mode() == 3;
  }

  private boolean triggered() {
    return mode() == 1 || mode() == 5;
  }

  /** Lets a load that is due happen. */
  private void sync(long tick) {
    if (loadAt > tick) {
      return;
    }
    if (mode() == 3) {
      highAtStart = !running || loaded == 1 || !high(loadAt - 1);
    }
    start = loadAt;
    loaded = reload;
    loadAt = NEVER;
    nullCount = false;
    terminal = false;
    held = mode() == 3 && loaded != 1 ? loaded & ~1 : loaded;
    running = gate || triggered();
  }

  /** The level of OUT at a tick. */
  boolean out(long tick) {
    sync(tick);
    return high(tick);
  }

  private boolean high(long tick) {
    long elapsed = tick - start;
    return switch (mode()) {
      case 0 -> terminal || running && elapsed >= loaded;
      case 1 -> !running || elapsed >= loaded;
      case 2 -> !running || loaded == 1 || elapsed % loaded != loaded - 1;
      case 3 -> !running || loaded == 1 || squareHigh(elapsed);
      default -> tick != strobeTick && !(running && !terminal && elapsed == loaded);
    };
  }

  private int highTicks() {
    return (loaded + 1) / 2;
  }

  /** Ticks from the load to where a full period of the square wave with a high half began. */
  private long squareElapsed(long elapsed) {
    return highAtStart ? elapsed : elapsed + highTicks();
  }

  private boolean squareHigh(long elapsed) {
    return squareElapsed(elapsed) % loaded < highTicks();
  }

  /**
   * The first tick after the given one at which OUT changes, if nothing is written.
   *
   * @return the tick, or {@link #NEVER}
   */
  long nextChange(long tick) {
    sync(tick);
    long change = changeOfRunning(tick);
    if (change < loadAt) {
      return change;
    }
    if (loadAt == NEVER) {
      return NEVER;
    }
    PitChannel later = copy();
    long at = loadAt;
    boolean before = high(at - 1);
    return later.out(at) != before ? at : later.nextChange(at);
  }

  private long changeOfRunning(long tick) {
    if (tick == strobeTick) {
      return tick + 1;
    }
    if (!running) {
      return NEVER;
    }
    long elapsed = tick - start;
    return switch (mode()) {
      case 0 -> terminal || elapsed >= loaded ? NEVER : start + loaded;
      case 1 -> elapsed >= loaded ? NEVER : start + loaded;
      case 2 -> {
        long position = elapsed % loaded;
        yield loaded == 1 ? NEVER : tick + (position == loaded - 1 ? 1 : loaded - 1 - position);
      }
      case 3 -> loaded == 1 ? NEVER : tick + untilHalf(elapsed);
      default -> {
        if (terminal || elapsed > loaded) {
          yield NEVER;
        }
        yield elapsed == loaded ? tick + 1 : start + loaded;
      }
    };
  }

  /** Ticks from the given moment to the end of its half of the square wave, at least 1. */
  private long untilHalf(long elapsed) {
    long position = squareElapsed(elapsed) % loaded;
    return (position < highTicks() ? highTicks() : loaded) - position;
  }

  /** The counting element's value at a tick, 0..modulus - 1. */
  private int count(long tick) {
    if (!running) {
      return held % modulus();
    }
    long elapsed = tick - start;
    return switch (mode()) {
      case 2 -> (int) (loaded - elapsed % loaded) % modulus();
      case 3 -> squareCount(elapsed);
      default -> (int) Math.floorMod(loaded - elapsed, (long) modulus());
    };
  }

  private int squareCount(long elapsed) {
    if (loaded == 1) {
      return 1;
    }
    long position = squareElapsed(elapsed) % loaded;
    long within = position < highTicks() ? position : position - highTicks();
    return (int) ((loaded & ~1) - 2 * within) % modulus();
  }

  private void freeze(long tick) {
    if (running && tick != start) {
      held = count(tick);
    }
    // Else it is what was loaded or held: a full count would read as zero.
    running = false;
  }

  /** The control word for this counter (not a latch command). */
  void writeControl(int value, long tick) {
    sync(tick);
    freeze(tick);
    control = value & 0x3f;
    armed = false;
    nullCount = true;
    loadAt = NEVER;
    terminal = false;
    strobeTick = -1;
    writeHighNext = false;
    readHighNext = false;
    countLatched = false;
    statusLatched = false;
  }

  /** One byte of a new count. */
  void writeCount(int octet, long tick) {
    sync(tick);
    switch (access()) {
      case LOW_THEN_HIGH -> {
        if (writeHighNext) {
          writeHighNext = false;
          setCount(octet << 8 | lowByte, tick);
        } else {
          writeHighNext = true;
          lowByte = octet;
          stopMode0(tick);
        }
      }
      case ACCESS_HIGH -> setCount(octet << 8, tick);
      default -> setCount(octet, tick);
    }
  }

  /** In mode 0, the first byte of a count stops the counter and OUT goes low at once. */
  private void stopMode0(long tick) {
    if (mode() == 0) {
      freeze(tick);
      terminal = false;
      loadAt = NEVER;
    }
  }

  private void setCount(int value, long tick) {
    reload = decode(value);
    nullCount = true;
    stopMode0(tick);
    boolean first = !armed;
    armed = true;
    if (triggered()) {
      return;
    }
    if (!periodic() || first) {
      loadAt = tick + 1;
    } else if (running && loadAt == NEVER) {
      loadAt = endOfCycle(tick);
    }
  }

  /** When a running rate generator or square wave takes a new count. */
  private long endOfCycle(long tick) {
    long elapsed = tick - start;
    if (loaded == 1) {
      return tick + 1;
    }
    return tick + (mode() == 2 ? loaded - elapsed % loaded : untilHalf(elapsed));
  }

  private int decode(int value) {
    int count = value;
    if (modulus() == 10_000) {
      count = 0;
      for (int shift = 12; shift >= 0; shift -= 4) {
        count = count * 10 + (value >>> shift & 0xf);
      }
      // Digits above nine are no decimal count; what they make is kept within the counter.
      count %= modulus();
    }
    return count == 0 ? modulus() : count;
  }

  private int encode(int count) {
    if (modulus() != 10_000) {
      return count;
    }
    return count / 1000 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 | count % 10;
  }

  /** Drives GATE. */
  void setGate(boolean high, long tick) {
    sync(tick);
    if (high == gate) {
      return;
    }
    gate = high;
    if (triggered()) {
      if (high && armed) {
        loadAt = tick + 1;
      }
    } else if (periodic()) {
      gatePeriodic(tick);
    } else {
      gateCounting(tick);
    }
  }

  private void gatePeriodic(long tick) {
    if (!gate) {
      if (loadAt == tick + 1 && !running) {
        // The first count is still loaded with the next pulse, and then stands.
        return;
      }
      freeze(tick);
      loadAt = NEVER;
    } else if (armed) {
      loadAt = tick + 1;
    }
  }

  private void gateCounting(long tick) {
    if (!gate) {
      if (running) {
        long elapsed = tick - start;
        if (mode() == 4 && !terminal && elapsed == loaded) {
          strobeTick = tick;
        }
        terminal = terminal || elapsed >= loaded;
        freeze(tick);
      }
    } else if (!nullCount) {
      resume(tick);
    }
  }

  private void resume(long tick) {
    running = true;
    start = tick;
    loaded = held;
  }

  boolean gate() {
    return gate;
  }

  /** The counter latch command, or the read-back command's count part. */
  void latchCount(long tick) {
    if (!countLatched) {
      sync(tick);
      countLatched = true;
      latchedCount = encode(count(tick));
    }
  }

  /** The read-back command's status part. */
  void latchStatus(long tick) {
    if (!statusLatched) {
      statusLatched = true;
      latchedStatus = (out(tick) ? 0x80 : 0) | (nullCount ? 0x40 : 0) | control;
    }
  }

  /** Reads one byte: latched status first, then the latched or the running count. */
  int read(long tick) {
    if (statusLatched) {
      statusLatched = false;
      return latchedStatus;
    }
    sync(tick);
    int value = countLatched ? latchedCount : encode(count(tick));
    boolean highByte = access() == ACCESS_HIGH || access() == LOW_THEN_HIGH && readHighNext;
    if (access() == LOW_THEN_HIGH) {
      readHighNext = !readHighNext;
    }
    if (!readHighNext) {
      countLatched = false;
    }
    return highByte ? value >>> 8 : value & 0xff;
  }

  private PitChannel copy() {
    PitChannel copy = new PitChannel(gate);
    copy.control = control;
    copy.armed = armed;
    copy.reload = reload;
    copy.nullCount = nullCount;
    copy.running = running;
    copy.start = start;
    copy.loaded = loaded;
    copy.held = held;
    copy.highAtStart = highAtStart;
    copy.terminal = terminal;
    copy.strobeTick = strobeTick;
    copy.loadAt = loadAt;
    return copy;
  }

  /** Saves the state at a tick; the load that is due by then has happened. */
  void save(StateWriter out, String name, long tick) {
    PitChannel now = copy();
    now.sync(tick);
    out.number(name + "control", control)
        .flag(name + "armed", armed)
        .number(name + "reload", reload)
        .number(name + "lowByte", lowByte)
        .flag(name + "writeHighNext", writeHighNext)
        .flag(name + "readHighNext", readHighNext)
        .flag(name + "countLatched", countLatched)
        .number(name + "latchedCount", latchedCount)
        .flag(name + "statusLatched", statusLatched)
        .number(name + "latchedStatus", latchedStatus)
        .flag(name + "nullCount", now.nullCount)
        .flag(name + "gate", gate)
        .flag(name + "running", now.running)
        .number(name + "start", now.start)
        .number(name + "loaded", now.loaded)
        .number(name + "held", now.held)
        .flag(name + "highAtStart", now.highAtStart)
        .flag(name + "terminal", now.terminal)
        .number(name + "strobeTick", now.strobeTick)
        .number(name + "loadAt", now.loadAt);
  }

  void restore(StateReader in, String name) {
    control = in.integer(name + "control", 0, 0x3f);
    armed = in.flag(name + "armed");
    reload = in.integer(name + "reload", 1, 0x1_0000);
    lowByte = in.octet(name + "lowByte");
    writeHighNext = in.flag(name + "writeHighNext");
    readHighNext = in.flag(name + "readHighNext");
    countLatched = in.flag(name + "countLatched");
    latchedCount = in.integer(name + "latchedCount", 0, 0xffff);
    statusLatched = in.flag(name + "statusLatched");
    latchedStatus = in.octet(name + "latchedStatus");
    nullCount = in.flag(name + "nullCount");
    gate = in.flag(name + "gate");
    running = in.flag(name + "running");
    start = in.number(name + "start");
    loaded = in.integer(name + "loaded", 0, 0x1_0000);
    held = in.integer(name + "held", 0, 0x1_0000);
    highAtStart = in.flag(name + "highAtStart");
    terminal = in.flag(name + "terminal");
    strobeTick = in.number(name + "strobeTick");
    loadAt = in.number(name + "loadAt");
    if (loaded == 0 && periodic()) {
      throw in.unfit(name + "loaded", "is 0, which no period can be");
    }
  }
}
