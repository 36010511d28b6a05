package dev.lockstep.vmm.device;

/**
 * One 8259A as a PC wires it (Intel 8259A data sheet, order number 231468): eight inputs, fixed in
 * 8086 mode. Whether an input is by edge or by level is said by ELCR, which replaces ICW1's LTIM
 * bit (Intel 82371SB PIIX3 data sheet, section 2.5.3).
 */
final class Pic8259 {
  /** {@link #pendingInput} and {@link #acknowledge} when no input asks. */
  static final int NONE = -1;

  /** The input that stands in when an acknowledge finds no request. */
  static final int SPURIOUS = 7;

  private static final int WAIT_ICW2 = 1;
  private static final int WAIT_ICW3 = 2;
  private static final int WAIT_ICW4 = 3;

  private final int elcrWritable;
  private final boolean master;
  private int inputs;
  private int edges;
  private int imr;
  private int isr;
  private int elcr;
  private int lowestPriority = 7;
  private int vectorBase;
  private int initStep;
  private boolean icw4Follows;
  private boolean single;
  private boolean autoEoi;
  private boolean rotateOnAutoEoi;
  private boolean specialMask;
  private boolean specialFullyNested;
  private boolean readIsr;
  private boolean poll;

  /**
   * A chip as after power-on: everything unmasked, vectors at 0, nothing requested.
   *
   * @param elcrWritable which bits of ELCR exist
   * @param elcr preset ELCR
   * @param master whether input 2 is another chip's output
   */
  Pic8259(int elcrWritable, int elcr, boolean master) {
    this.elcrWritable = elcrWritable;
    this.elcr = elcr & elcrWritable;
    this.master = master;
  }

  /**
   * Drives an input. A request by edge lasts only while the input stays high (data sheet, fig. 8).
   */
  void setInput(int input, boolean high) {
    int bit = 1 << input;
    if (high) {
      edges |= ~inputs & bit;
      inputs |= bit;
    } else {
      inputs &= ~bit;
      edges &= ~bit;
    }
  }

  private int irr() {
    return inputs & (elcr | edges);
  }

  /** The input that would be acknowledged now, or {@link #NONE}. */
  int pendingInput() {
    int request = highest(irr() & ~imr);
    return request != NONE && outranksService(request) ? request : NONE;
  }

  /** Whether a request at an input would be passed on, if there were one and nobody wrote to the chip. */
  boolean wouldServe(int input) {
    return (imr & 1 << input) == 0 && outranksService(input);
  }

  private boolean outranksService(int input) {
    int inService = isr;
    if (specialMask) {
      inService &= ~imr;
    }
    if (specialFullyNested && master) {
      inService &= ~(1 << PicPair.CASCADE_INPUT);
    }
    int serving = highest(inService);
    return serving == NONE || rank(input) < rank(serving);
  }

  /** Both INTA pulses: the input that is served now, or {@link #NONE} for a spurious request. */
  int acknowledge() {
    int input = pendingInput();
    if (input == NONE) {
      return NONE;
    }
    int bit = 1 << input;
    edges &= ~bit;
    if (autoEoi) {
      if (rotateOnAutoEoi) {
        lowestPriority = input;
      }
    } else {
      isr |= bit;
    }
    return input;
  }

  /** The vector of an input. */
  int vector(int input) {
    return vectorBase | input;
  }

  int read(int register) {
    if (poll) {
      poll = false;
      int input = acknowledge();
      return input == NONE ? 0 : 0x80 | input;
    }
    if (register == 1) {
      return imr;
    }
    return readIsr ? isr : irr();
  }

  /** Whether the next {@link #read} is a poll, and so an acknowledge. */
  boolean polling() {
    return poll;
  }

  void write(int register, int value) {
    if (register == 0) {
      if ((value & 0x10) != 0) {
        writeIcw1(value);
      } else if ((value & 0x08) != 0) {
        writeOcw3(value);
      } else {
        writeOcw2(value);
      }
      return;
    }
    switch (initStep) {
      case WAIT_ICW2 -> {
        vectorBase = value & 0xf8;
        initStep = single ? afterIcw3() : WAIT_ICW3;
      }
      // ICW3 tells how the two chips are wired, which nothing can change here.
      case WAIT_ICW3 -> initStep = afterIcw3();
      case WAIT_ICW4 -> {
        autoEoi = (value & 0x02) != 0;
        specialFullyNested = (value & 0x10) != 0;
        initStep = 0;
      }
      default -> imr = value;
    }
  }

  private int afterIcw3() {
    return icw4Follows ? WAIT_ICW4 : 0;
  }

  private void writeIcw1(int value) {
    edges = 0;
    imr = 0;
    isr = 0;
    lowestPriority = 7;
    specialMask = false;
    specialFullyNested = false;
    autoEoi = false;
    rotateOnAutoEoi = false;
    readIsr = false;
    poll = false;
    icw4Follows = (value & 0x01) != 0;
    single = (value & 0x02) != 0;
    initStep = WAIT_ICW2;
  }

  private void writeOcw2(int value) {
    int level = value & 7;
    switch (value >>> 5) {
      case 0 -> rotateOnAutoEoi = false;
      case 1 -> endOfInterrupt(highestInService());
      case 2 -> {
        // No operation.
      }
      case 3 -> endOfInterrupt(level);
      case 4 -> rotateOnAutoEoi = true;
      case 5 -> {
        int input = highestInService();
        endOfInterrupt(input);
        if (input != NONE) {
          lowestPriority = input;
        }
      }
      case 6 -> lowestPriority = level;
      default -> {
        endOfInterrupt(level);
        lowestPriority = level;
      }
    }
  }

  /** What a non-specific EOI ends: in special mask mode, a masked level stays in service. */
  private int highestInService() {
    return highest(specialMask ? isr & ~imr : isr);
  }

  private void endOfInterrupt(int input) {
    if (input != NONE) {
      isr &= ~(1 << input);
    }
  }

  private void writeOcw3(int value) {
    if ((value & 0x40) != 0) {
      specialMask = (value & 0x20) != 0;
    }
    if ((value & 0x04) != 0) {
      poll = true;
    } else if ((value & 0x02) != 0) {
      readIsr = (value & 0x01) != 0;
    }
  }

  int elcr() {
    return elcr;
  }

  void setElcr(int value) {
    elcr = value & elcrWritable;
  }

  /** 0 for the highest priority, 7 for the lowest. */
  private int rank(int input) {
    return (input - lowestPriority - 1) & 7;
  }

  private int highest(int bits) {
    for (int i = 1; i <= 8 && bits != 0; i++) {
      int input = (lowestPriority + i) & 7;
      if ((bits & 1 << input) != 0) {
        return input;
      }
    }
    return NONE;
  }

  void save(StateWriter out, String name) {
    out.number(name + "inputs", inputs)
        .number(name + "edges", edges)
        .number(name + "imr", imr)
        .number(name + "isr", isr)
        .number(name + "elcr", elcr)
        .number(name + "lowestPriority", lowestPriority)
        .number(name + "vectorBase", vectorBase)
        .number(name + "initStep", initStep)
        .flag(name + "icw4Follows", icw4Follows)
        .flag(name + "single", single)
        .flag(name + "autoEoi", autoEoi)
        .flag(name + "rotateOnAutoEoi", rotateOnAutoEoi)
        .flag(name + "specialMask", specialMask)
        .flag(name + "specialFullyNested", specialFullyNested)
        .flag(name + "readIsr", readIsr)
        .flag(name + "poll", poll);
  }

  void restore(StateReader in, String name) {
    inputs = in.octet(name + "inputs");
    edges = in.octet(name + "edges");
    imr = in.octet(name + "imr");
    isr = in.octet(name + "isr");
    elcr = in.octet(name + "elcr");
    lowestPriority = in.integer(name + "lowestPriority", 0, 7);
    vectorBase = in.octet(name + "vectorBase");
    initStep = in.integer(name + "initStep", 0, WAIT_ICW4);
    icw4Follows = in.flag(name + "icw4Follows");
    single = in.flag(name + "single");
    autoEoi = in.flag(name + "autoEoi");
    rotateOnAutoEoi = in.flag(name + "rotateOnAutoEoi");
    specialMask = in.flag(name + "specialMask");
    specialFullyNested = in.flag(name + "specialFullyNested");
    readIsr = in.flag(name + "readIsr");
    poll = in.flag(name + "poll");
  }
}
