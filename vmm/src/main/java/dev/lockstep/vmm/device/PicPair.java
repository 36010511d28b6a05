package dev.lockstep.vmm.device;

/**
 * The PC's interrupt controllers: two 8259A, the second on input 2 of the first, with the
 * edge/level control registers. Interrupt lines 0..7 are the first chip's inputs, 8..15 the
 * second's.
 *
 * <p>Several devices may share a line: it is asserted while any of them asserts it. The vCPU's
 * thread asks {@link #interruptPending} and, when the vCPU takes the interrupt, {@link
 * #acknowledge}.
 *
 * <p>Offsets: 0, 1 command and data of the first chip; 2, 3 of the second; 4, 5 ELCR of both.
 */
public final class PicPair implements Device {
  static final int CASCADE_INPUT = 2;
  private static final int VERSION = 1;
  private static final int LINES = 16;
  private static final int MAX_SOURCES = 64;
  // IRQ 0, 1, 2, 8 and 13 are the board's own, always by edge (PIIX3 data sheet, section 2.5.3.11).
  private static final int ELCR_MASTER_BITS = 0xf8;
  private static final int ELCR_SLAVE_BITS = 0xde;

  private final Pic8259 master;
  private final Pic8259 slave;
  private final int[] sourceCount = new int[LINES];
  private final long[] asserted = new long[LINES];

  /**
   * A pair as after power-on.
   *
   * @param levelTriggered preset ELCR: bit n set makes line n level-triggered
   */
  public PicPair(int levelTriggered) {
    master = new Pic8259(ELCR_MASTER_BITS, levelTriggered & 0xff, true);
    slave = new Pic8259(ELCR_SLAVE_BITS, levelTriggered >>> 8, false);
  }

  /**
   * Connects one more source to a line. The order of connecting is part of the saved state's
   * meaning, so a machine always connects its devices in the same order.
   *
   * @param irq 0..15 without 2
   */
  public InterruptLine connect(int irq) {
    if (irq < 0 || irq >= LINES || irq == CASCADE_INPUT) {
      throw new IllegalArgumentException("interrupt line " + irq);
    }
    int source = sourceCount[irq]++;
    if (source >= MAX_SOURCES) {
      throw new IllegalStateException("interrupt line %d has too many sources".formatted(irq));
    }
    long bit = 1L << source;
    return level -> drive(irq, bit, level);
  }

  private void drive(int irq, long bit, boolean level) {
    long before = asserted[irq];
    long after = level ? before | bit : before & ~bit;
    if (after == before) {
      return;
    }
    asserted[irq] = after;
    if (irq < 8) {
      master.setInput(irq, after != 0);
    } else {
      slave.setInput(irq - 8, after != 0);
      cascade();
    }
  }

  /** The second chip's output, continuously on the first one's input. */
  private void cascade() {
    master.setInput(CASCADE_INPUT, slave.pendingInput() != Pic8259.NONE);
  }

  /** Whether the pair asks the CPU for an interrupt (the INTR pin). */
  public boolean interruptPending() {
    return master.pendingInput() != Pic8259.NONE;
  }

  /** Whether a line that rises would have the pair ask for an interrupt, if the guest did nothing until then. */
  public boolean wouldInterrupt(int irq) {
    return irq < 8
        ? master.wouldServe(irq)
        : slave.wouldServe(irq - 8) && master.wouldServe(CASCADE_INPUT);
  }

  /** Whether anybody asserts a line. */
  public boolean isAsserted(int irq) {
    return asserted[irq] != 0;
  }

  /**
   * The CPU's interrupt acknowledge cycle. With nothing pending any more, the answer is a spurious
   * interrupt: input 7, with no bit in service.
   *
   * @return the vector, 0..255
   */
  public int acknowledge() {
    int input = master.acknowledge();
    if (input == Pic8259.NONE) {
      return master.vector(Pic8259.SPURIOUS);
    }
    if (input != CASCADE_INPUT) {
      return master.vector(input);
    }
    return slave.vector(acknowledgeSlave());
  }

  private int acknowledgeSlave() {
    int input = slave.acknowledge();
    // The output drops with INTA, so that what still waits makes a new edge.
    master.setInput(CASCADE_INPUT, false);
    cascade();
    return input == Pic8259.NONE ? Pic8259.SPURIOUS : input;
  }

  @Override
  public String kind() {
    return "pic";
  }

  @Override
  public long read(int offset, int width) {
    return switch (offset) {
      case 0, 1 -> master.read(offset);
      case 2, 3 -> readSlave(offset - 2);
      case 4 -> master.elcr();
      case 5 -> slave.elcr();
      default -> 0xff;
    };
  }

  private int readSlave(int register) {
    boolean polled = slave.polling();
    int value = slave.read(register);
    if (polled) {
      master.setInput(CASCADE_INPUT, false);
      cascade();
    }
    return value;
  }

  @Override
  public void write(int offset, int width, long value) {
    int octet = (int) value & 0xff;
    switch (offset) {
      case 0, 1 -> master.write(offset, octet);
      case 2, 3 -> slave.write(offset - 2, octet);
      case 4 -> master.setElcr(octet);
      case 5 -> slave.setElcr(octet);
      default -> {
        // No such register.
      }
    }
    cascade();
  }

  @Override
  public DeviceState save() {
    StateWriter out = new StateWriter(kind(), VERSION);
    master.save(out, "master.");
    slave.save(out, "slave.");
    long[] counts = new long[LINES];
    for (int i = 0; i < LINES; i++) {
      counts[i] = sourceCount[i];
    }
    return out.numbers("sourceCount", counts).numbers("asserted", asserted).state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    master.restore(in, "master.");
    slave.restore(in, "slave.");
    long[] counts = in.numbers("sourceCount");
    long[] levels = in.numbers("asserted");
    if (counts.length != LINES || levels.length != LINES) {
      throw in.unfit("sourceCount", "is not of %d lines".formatted(LINES));
    }
    for (int i = 0; i < LINES; i++) {
      if (counts[i] != sourceCount[i]) {
        throw in.unfit(
            "sourceCount",
            "has %d sources on line %d, this machine has %d"
                .formatted(counts[i], i, sourceCount[i]));
      }
    }
    in.end();
    System.arraycopy(levels, 0, asserted, 0, LINES);
  }
}
