package dev.lockstep.vmm.device;

/**
 * An AT keyboard with 101 keys, as its controller sees it (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard"): it answers commands and sends the codes of keys, in set 2 or 1. Set 3 is
 * not there, and asking for it is answered by "resend", as keyboards without it do.
 */
final class AtKeyboard {
  /** Bytes that wait to be sent; a real keyboard keeps 16. */
  static final int QUEUE_BYTES = 256;

  private static final int ACK = 0xfa;
  private static final int RESEND = 0xfe;
  private static final int ECHO = 0xee;
  private static final int SELF_TEST_PASSED = 0xaa;
  private static final int ID_FIRST = 0xab;
  private static final int ID_SECOND = 0x83;

  private static final int SET_LEDS = 0xed;
  private static final int SELECT_SET = 0xf0;
  private static final int IDENTIFY = 0xf2;
  private static final int SET_TYPEMATIC = 0xf3;
  private static final int ENABLE = 0xf4;
  private static final int DISABLE = 0xf5;
  private static final int SET_DEFAULTS = 0xf6;
  private static final int RESET = 0xff;
  private static final int NO_COMMAND = 0;

  private static final int DEFAULT_SET = 2;
  private static final int DEFAULT_TYPEMATIC = 0x2b;

  // Answers go before keys, but never between a prefix and its code.
  private final ByteRing answers = new ByteRing(4);
  private final ByteRing keys = new ByteRing(QUEUE_BYTES);
  private boolean midKey;
  private boolean scanning = true;
  private int set = DEFAULT_SET;
  private int leds;
  private int typematic = DEFAULT_TYPEMATIC;
  private int command = NO_COMMAND;
  private int lastSent;
  private boolean released;

  /** Whether there is a byte to send. */
  boolean hasByte() {
    return !answers.isEmpty() || !keys.isEmpty();
  }

  /** Sends the next byte. */
  int send() {
    if (answers.isEmpty() || midKey && !keys.isEmpty()) {
      lastSent = keys.remove();
      midKey = lastSent == Scancodes.EXTENDED_PREFIX || lastSent == Scancodes.BREAK_PREFIX;
    } else {
      lastSent = answers.remove();
    }
    return lastSent;
  }

  /**
   * Keys are pressed and released.
   *
   * @param codes in set 2
   * @return whether they were taken: not if there is no room for all of them
   */
  boolean type(byte[] codes) {
    if (keys.room() < codes.length) {
      return false;
    }
    if (scanning) {
      for (byte code : codes) {
        typeByte(code & 0xff);
      }
    }
    return true;
  }

  private void typeByte(int code) {
    if (set == DEFAULT_SET) {
      keys.add(code);
    } else if (code == Scancodes.BREAK_PREFIX) {
      released = true;
    } else {
      keys.add(Scancodes.set2ToSet1(code) | (released ? Scancodes.SET1_RELEASED : 0));
      released = false;
    }
  }

  /** Takes a byte from the controller: a command or its argument. */
  void receive(int octet) {
    // Who sends a new byte no longer waits for the answer to the last.
    answers.clear();
    if (command != NO_COMMAND && octet < SET_LEDS) {
      argument(octet);
    } else {
      command(octet);
    }
  }

  private void argument(int octet) {
    int of = command;
    command = NO_COMMAND;
    switch (of) {
      case SET_LEDS -> {
        leds = octet & 7;
        answer(ACK);
      }
      case SET_TYPEMATIC -> {
        typematic = octet & 0x7f;
        answer(ACK);
      }
      default -> selectSet(octet);
    }
  }

  private void selectSet(int octet) {
    switch (octet) {
      case 0 -> answer(ACK, set);
      case 1, 2 -> {
        set = octet;
        answer(ACK);
      }
      default -> answer(RESEND);
    }
  }

  private void command(int octet) {
    command = NO_COMMAND;
    switch (octet) {
      case SET_LEDS, SELECT_SET, SET_TYPEMATIC -> {
        command = octet;
        answer(ACK);
      }
      case ECHO -> answer(ECHO);
      case IDENTIFY -> answer(ACK, ID_FIRST, ID_SECOND);
      case ENABLE -> {
        forgetKeys();
        scanning = true;
        answer(ACK);
      }
      case DISABLE -> {
        defaults();
        scanning = false;
        answer(ACK);
      }
      case SET_DEFAULTS -> {
        defaults();
        answer(ACK);
      }
      case RESEND -> answer(lastSent);
      case RESET -> {
        defaults();
        leds = 0;
        scanning = true;
        answer(ACK, SELF_TEST_PASSED);
      }
      default -> answer(RESEND);
    }
  }

  private void forgetKeys() {
    keys.clear();
    midKey = false;
    released = false;
  }

  private void defaults() {
    forgetKeys();
    set = DEFAULT_SET;
    typematic = DEFAULT_TYPEMATIC;
  }

  private void answer(int... octets) {
    for (int octet : octets) {
      answers.add(octet);
    }
  }

  /** Scroll, Num and Caps Lock in bits 0 to 2. */
  int leds() {
    return leds;
  }

  void save(StateWriter out) {
    out.numbers("keyboard.answers", answers.toLongs())
        .numbers("keyboard.keys", keys.toLongs())
        .flag("keyboard.midKey", midKey)
        .flag("keyboard.scanning", scanning)
        .number("keyboard.set", set)
        .number("keyboard.leds", leds)
        .number("keyboard.typematic", typematic)
        .number("keyboard.command", command)
        .number("keyboard.lastSent", lastSent)
        .flag("keyboard.released", released);
  }

  void restore(StateReader in) {
    answers.restore(in, "keyboard.answers");
    keys.restore(in, "keyboard.keys");
    midKey = in.flag("keyboard.midKey");
    scanning = in.flag("keyboard.scanning");
    set = in.integer("keyboard.set", 1, 2);
    leds = in.integer("keyboard.leds", 0, 7);
    typematic = in.integer("keyboard.typematic", 0, 0x7f);
    command = in.octet("keyboard.command");
    lastSent = in.octet("keyboard.lastSent");
    released = in.flag("keyboard.released");
  }
}
