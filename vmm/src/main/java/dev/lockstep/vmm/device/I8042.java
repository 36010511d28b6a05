package dev.lockstep.vmm.device;

/**
 * The i8042 keyboard controller with a keyboard on its first port and nothing on its second (IBM
 * PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device controller"; 82371SB
 * PIIX3 for port 0x92). Resets the machine, keeps the A20 gate (which gates nothing here), and is
 * the way in for Ctrl-Alt-Del.
 *
 * <p>Offsets: 0 data (0x60), 1 status and command (0x64), 2 system control port A (0x92).
 */
public final class I8042 implements Device {
  private static final int VERSION = 1;

  private static final int STATUS_OUTPUT_FULL = 0x01;
  private static final int STATUS_SYSTEM = 0x04;
  private static final int STATUS_COMMAND = 0x08;
  private static final int STATUS_UNLOCKED = 0x10;

  private static final int MODE_INTERRUPT = 0x01;
  private static final int MODE_SYSTEM = 0x04;
  private static final int MODE_DISABLE_KEYBOARD = 0x10;
  private static final int MODE_DISABLE_AUX = 0x20;
  private static final int MODE_TRANSLATE = 0x40;
  private static final int MODE_DEFAULT =
      MODE_INTERRUPT | MODE_SYSTEM | MODE_DISABLE_AUX | MODE_TRANSLATE;

  private static final int OUTPUT_NO_RESET = 0x01;
  private static final int OUTPUT_A20 = 0x02;
  private static final int OUTPUT_FULL = 0x10;

  private static final int CMD_READ_RAM = 0x20;
  private static final int CMD_WRITE_RAM = 0x60;
  private static final int RAM_BYTES = 0x20;
  private static final int CMD_DISABLE_AUX = 0xa7;
  private static final int CMD_ENABLE_AUX = 0xa8;
  private static final int CMD_TEST_AUX = 0xa9;
  private static final int CMD_SELF_TEST = 0xaa;
  private static final int CMD_TEST_KEYBOARD = 0xab;
  private static final int CMD_DISABLE_KEYBOARD = 0xad;
  private static final int CMD_ENABLE_KEYBOARD = 0xae;
  private static final int CMD_READ_INPUT = 0xc0;
  private static final int CMD_READ_OUTPUT = 0xd0;
  private static final int CMD_WRITE_OUTPUT = 0xd1;
  private static final int CMD_WRITE_KEYBOARD_BUFFER = 0xd2;
  private static final int CMD_WRITE_AUX_BUFFER = 0xd3;
  private static final int CMD_WRITE_AUX = 0xd4;
  private static final int CMD_A20_OFF = 0xdd;
  private static final int CMD_A20_ON = 0xdf;
  private static final int CMD_READ_TEST = 0xe0;
  private static final int CMD_PULSE = 0xf0;
  private static final int NO_COMMAND = 0;

  private static final int SELF_TEST_PASSED = 0x55;
  private static final int AUX_CLOCK_STUCK_LOW = 0x01;
  private static final int INPUT_UNLOCKED = 0x80;

  private static final int PORT_A_RESET = 0x01;
  private static final int PORT_A_A20 = 0x02;

  private final InterruptLine line;
  private final PowerControl power;
  private final AtKeyboard keyboard = new AtKeyboard();
  // Answers of the controller itself; they come before what the keyboard sends.
  private final ByteRing answers = new ByteRing(4);
  private final byte[] ram = new byte[RAM_BYTES];
  private boolean outputFull;
  private int output;
  private boolean lastWasCommand;
  private int command = NO_COMMAND;
  private boolean a20 = true;
  private boolean released;
  private int portA;

  /**
   * A controller as firmware leaves it: keyboard on, translating, interrupting.
   *
   * @param line the keyboard's interrupt
   * @param power asked for resets
   */
  public I8042(InterruptLine line, PowerControl power) {
    this.line = line;
    this.power = power;
    ram[0] = MODE_DEFAULT;
  }

  /**
   * Input event: keys are pressed and released.
   *
   * @param set2 their codes in scan code set 2
   * @return whether they were taken: not if the keyboard's buffer has no room for all of them
   */
  public boolean type(byte[] set2) {
    boolean taken = keyboard.type(set2);
    fill();
    return taken;
  }

  /** Input event: Ctrl-Alt-Del is pressed and released; as {@link #type}. */
  public boolean typeCtrlAltDelete() {
    return type(Scancodes.CTRL_ALT_DELETE);
  }

  /** Scroll, Num and Caps Lock in bits 0 to 2. */
  public int keyboardLeds() {
    return keyboard.leds();
  }

  private int mode() {
    return ram[0] & 0xff;
  }

  /** Fills the output buffer, if it is empty and there is something for it, and drives the line. */
  private void fill() {
    if (!outputFull && !answers.isEmpty()) {
      output = answers.remove();
      outputFull = true;
    }
    boolean listening = (mode() & MODE_DISABLE_KEYBOARD) == 0;
    while (!outputFull && listening && keyboard.hasByte()) {
      take(keyboard.send());
    }
    line.set(outputFull && (mode() & MODE_INTERRUPT) != 0);
  }

  /** Takes a byte from the keyboard, translated if that is on. */
  private void take(int octet) {
    if ((mode() & MODE_TRANSLATE) == 0) {
      output = octet;
      outputFull = true;
    } else if (octet == Scancodes.BREAK_PREFIX) {
      released = true;
    } else {
      output = Scancodes.set2ToSet1(octet) | (released ? Scancodes.SET1_RELEASED : 0);
      released = false;
      outputFull = true;
    }
  }

  private void answer(int octet) {
    if (answers.room() == 0) {
      // A guest that asks without reading gets the latest answers.
      answers.remove();
    }
    answers.add(octet);
  }

  @Override
  public String kind() {
    return "i8042";
  }

  @Override
  public long read(int offset, int width) {
    return switch (offset) {
      case 0 -> readData();
      case 1 -> status();
      case 2 -> portA & ~PORT_A_A20 | (a20 ? PORT_A_A20 : 0);
      default -> 0xff;
    };
  }

  private int readData() {
    int value = output;
    outputFull = false;
    // The line falls between two bytes: each is an edge of its own.
    line.set(false);
    fill();
    return value;
  }

  private int status() {
    return STATUS_UNLOCKED
        | (outputFull ? STATUS_OUTPUT_FULL : 0)
        | ((mode() & MODE_SYSTEM) != 0 ? STATUS_SYSTEM : 0)
        | (lastWasCommand ? STATUS_COMMAND : 0);
  }

  @Override
  public void write(int offset, int width, long value) {
    int octet = (int) value & 0xff;
    switch (offset) {
      case 0 -> {
        lastWasCommand = false;
        writeData(octet);
      }
      case 1 -> {
        lastWasCommand = true;
        writeCommand(octet);
      }
      case 2 -> writePortA(octet);
      default -> {
        // No such register.
      }
    }
    fill();
  }

  private void writeCommand(int octet) {
    command = NO_COMMAND;
    if (octet >= CMD_READ_RAM && octet < CMD_READ_RAM + RAM_BYTES) {
      answer(ram[octet - CMD_READ_RAM] & 0xff);
      return;
    }
    if (octet >= CMD_WRITE_RAM && octet < CMD_WRITE_RAM + RAM_BYTES) {
      command = octet;
      return;
    }
    if (octet >= CMD_PULSE) {
      if ((octet & OUTPUT_NO_RESET) == 0) {
        power.requestReset("i8042");
      }
      return;
    }
    switch (octet) {
      case CMD_DISABLE_AUX -> ram[0] |= MODE_DISABLE_AUX;
      case CMD_ENABLE_AUX -> ram[0] &= ~MODE_DISABLE_AUX;
      case CMD_TEST_AUX -> answer(AUX_CLOCK_STUCK_LOW);
      case CMD_SELF_TEST -> {
        ram[0] |= MODE_SYSTEM;
        answer(SELF_TEST_PASSED);
      }
      case CMD_TEST_KEYBOARD -> answer(0);
      case CMD_DISABLE_KEYBOARD -> ram[0] |= MODE_DISABLE_KEYBOARD;
      case CMD_ENABLE_KEYBOARD -> ram[0] &= ~MODE_DISABLE_KEYBOARD;
      case CMD_READ_INPUT -> answer(INPUT_UNLOCKED);
      case CMD_READ_OUTPUT ->
          answer(OUTPUT_NO_RESET | (a20 ? OUTPUT_A20 : 0) | (outputFull ? OUTPUT_FULL : 0));
      case CMD_A20_OFF -> a20 = false;
      case CMD_A20_ON -> a20 = true;
      case CMD_READ_TEST -> answer(0);
      case CMD_WRITE_OUTPUT, CMD_WRITE_KEYBOARD_BUFFER, CMD_WRITE_AUX_BUFFER, CMD_WRITE_AUX ->
          command = octet;
      default -> {
        // Not a command of this controller.
      }
    }
  }

  private void writeData(int octet) {
    int of = command;
    command = NO_COMMAND;
    if (of >= CMD_WRITE_RAM && of < CMD_WRITE_RAM + RAM_BYTES) {
      ram[of - CMD_WRITE_RAM] = (byte) octet;
      return;
    }
    switch (of) {
      case CMD_WRITE_OUTPUT -> {
        a20 = (octet & OUTPUT_A20) != 0;
        if ((octet & OUTPUT_NO_RESET) == 0) {
          power.requestReset("i8042");
        }
      }
      // Without a second port both come back as if from the first: by that Linux sees there is
      // none.
      case CMD_WRITE_KEYBOARD_BUFFER, CMD_WRITE_AUX_BUFFER -> answer(octet);
      case CMD_WRITE_AUX -> {
        // Nothing is there.
      }
      default -> keyboard.receive(octet);
    }
  }

  private void writePortA(int octet) {
    a20 = (octet & PORT_A_A20) != 0;
    boolean rises = (octet & PORT_A_RESET) != 0 && (portA & PORT_A_RESET) == 0;
    portA = octet;
    if (rises) {
      power.requestReset("port 92h");
    }
  }

  @Override
  public DeviceState save() {
    StateWriter out =
        new StateWriter(kind(), VERSION)
            .numbers("answers", answers.toLongs())
            .bytes("ram", ram)
            .flag("outputFull", outputFull)
            .number("output", output)
            .flag("lastWasCommand", lastWasCommand)
            .number("command", command)
            .flag("a20", a20)
            .flag("released", released)
            .number("portA", portA);
    keyboard.save(out);
    return out.state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    answers.restore(in, "answers");
    byte[] saved = in.bytes("ram", RAM_BYTES);
    outputFull = in.flag("outputFull");
    output = in.octet("output");
    lastWasCommand = in.flag("lastWasCommand");
    command = in.octet("command");
    a20 = in.flag("a20");
    released = in.flag("released");
    portA = in.octet("portA");
    keyboard.restore(in);
    in.end();
    System.arraycopy(saved, 0, ram, 0, RAM_BYTES);
  }
}
