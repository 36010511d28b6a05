package dev.lockstep.vmm.device;

/**
 * One 8254 counter stepped clock by clock, straight from the mode descriptions of the data sheet
 * (Intel 231164, "Mode Definitions"). Slow and simple, to compare the computed one with.
 */
final class PitReference {
  int mode;
  boolean bcd;
  int access = 3;
  boolean gate;
  boolean out;

  private int countRegister;
  private boolean countWritten;
  private boolean loadNext;
  private boolean reloadWaits;
  private boolean counting;
  private boolean triggered;
  private boolean strobeDone;
  private int element;
  private boolean lowWritten;
  private int low;
  boolean nullCount = true;

  PitReference(boolean gate) {
    this.gate = gate;
  }

  private int modulus() {
    return bcd ? 10_000 : 0x1_0000;
  }

  void control(int value) {
    int bits = value >> 1 & 7;
    mode = bits > 5 ? bits - 4 : bits;
    bcd = (value & 1) != 0;
    access = value >> 4 & 3;
    out = mode != 0;
    countWritten = false;
    loadNext = false;
    reloadWaits = false;
    counting = false;
    triggered = false;
    strobeDone = false;
    lowWritten = false;
    nullCount = true;
  }

  void write(int octet) {
    if (access == 3 && !lowWritten) {
      lowWritten = true;
      low = octet;
      if (mode == 0) {
        counting = false;
        loadNext = false;
        out = false;
      }
      return;
    }
    lowWritten = false;
    int raw =
        switch (access) {
          case 3 -> octet << 8 | low;
          case 2 -> octet << 8;
          default -> octet;
        };
    int value = raw;
    if (bcd) {
      value =
          ((raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15)) % 10_000;
    }
    countRegister = value == 0 ? modulus() : value;
    boolean first = !countWritten;
    countWritten = true;
    nullCount = true;
    switch (mode) {
      case 0 -> {
        out = false;
        counting = false;
        loadNext = true;
      }
      case 4 -> loadNext = true;
      case 2, 3 -> {
        if (first) {
          loadNext = true;
        } else {
          reloadWaits = true;
        }
      }
      default -> {
        // Modes 1 and 5 wait for a trigger.
      }
    }
  }

  void setGate(boolean high) {
    boolean rises = high && !gate;
    boolean falls = !high && gate;
    gate = high;
    if (rises && countWritten && mode != 0 && mode != 4) {
      loadNext = true;
      triggered = true;
    }
    if (falls && (mode == 2 || mode == 3)) {
      out = true;
      if (counting || !loadNext || triggered) {
        loadNext = false;
      }
      counting = false;
      triggered = false;
    }
  }

  /** One clock pulse. */
  void clock() {
    if (mode == 4 || mode == 5) {
      out = true;
    }
    if (loadNext) {
      load();
      return;
    }
    if (!counting || !gate && mode != 1 && mode != 5) {
      return;
    }
    switch (mode) {
      case 2 -> rate();
      case 3 -> square();
      default -> {
        element = Math.floorMod(element - 1, modulus());
        if (element == 0 && !strobeDone) {
          strobeDone = true;
          out = mode < 2;
        }
      }
    }
  }

  private void load() {
    loadNext = false;
    reloadWaits = false;
    triggered = false;
    nullCount = false;
    counting = true;
    strobeDone = false;
    element = countRegister;
    if (mode == 1) {
      out = false;
    }
    if (mode == 3) {
      out = true;
      element = even(countRegister);
      ticksInHalf = 0;
      period = countRegister;
    }
    if (mode == 2) {
      period = countRegister;
    }
  }

  private int period;
  private int ticksInHalf;

  private void rate() {
    if (period == 1) {
      // Illegal; specified by the device: OUT stays high.
      takeNew();
      return;
    }
    if (element == 1) {
      takeNew();
      element = period;
      out = true;
    } else {
      element--;
      out = element != 1;
    }
  }

  private void takeNew() {
    if (reloadWaits) {
      reloadWaits = false;
      nullCount = false;
      period = countRegister;
      element = mode == 3 ? even(period) : period;
    }
  }

  private void square() {
    if (period == 1) {
      takeNew();
      ticksInHalf = 0;
      return;
    }
    ticksInHalf++;
    // An odd count's high half is one pulse longer than its low half.
    int half = out ? (period + 1) / 2 : period / 2;
    if (ticksInHalf == half) {
      ticksInHalf = 0;
      boolean level = !out;
      takeNew();
      out = period == 1 || level;
      element = even(period);
    } else {
      element = Math.floorMod(element - 2, modulus());
    }
  }

  /** What a square wave counts from; of the illegal 1, what the device specifies. */
  private static int even(int count) {
    return count == 1 ? 1 : count & ~1;
  }

  /** What reading the counting element gives. */
  int count() {
    return bcdOf(element % modulus());
  }

  private int bcdOf(int value) {
    if (!bcd) {
      return value;
    }
    return value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
  }
}
