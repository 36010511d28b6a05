package dev.lockstep.vmm.device;

/**
 * A 16550A UART with its FIFOs (National Semiconductor PC16550D data sheet, June 1995). Bytes take
 * no time: what is written to the transmitter has left at once, and a received byte that does not
 * fill the FIFO to its trigger level counts as timed out at once. Received bytes beyond the FIFO
 * wait in a queue before it, so the line never overruns.
 *
 * <p>Offsets 0..7 are the registers. As on a PC, the interrupt output passes through OUT2 of the
 * modem control register, and the peer holds CTS, DSR and DCD.
 */
public final class Uart16550 implements Device {
  /** Bytes that {@link #receive} takes ahead of the guest's reading. */
  public static final int RECEIVE_QUEUE_BYTES = 4096;

  private static final int VERSION = 1;
  private static final int FIFO_BYTES = 16;
  private static final int[] TRIGGER = {1, 4, 8, 14};

  private static final int IER_DATA = 0x01;
  private static final int IER_THRE = 0x02;
  private static final int IER_LINE = 0x04;
  private static final int IER_MODEM = 0x08;

  private static final int IIR_NONE = 0x01;
  private static final int IIR_MODEM = 0x00;
  private static final int IIR_THRE = 0x02;
  private static final int IIR_DATA = 0x04;
  private static final int IIR_LINE = 0x06;
  private static final int IIR_TIMEOUT = 0x0c;
  private static final int IIR_FIFOS = 0xc0;

  private static final int FCR_ENABLE = 0x01;
  private static final int FCR_CLEAR_RECEIVER = 0x02;
  private static final int FCR_KEPT = 0xc9;

  private static final int LCR_DLAB = 0x80;

  private static final int MCR_DTR = 0x01;
  private static final int MCR_RTS = 0x02;
  private static final int MCR_OUT1 = 0x04;
  private static final int MCR_OUT2 = 0x08;
  private static final int MCR_LOOP = 0x10;
  private static final int MCR_BITS = 0x1f;

  private static final int LSR_DATA_READY = 0x01;
  private static final int LSR_OVERRUN = 0x02;
  private static final int LSR_BREAK = 0x10;
  private static final int LSR_THRE = 0x20;
  private static final int LSR_TEMT = 0x40;
  private static final int LSR_FIFO_ERROR = 0x80;
  private static final int LSR_ERRORS = 0x1e;

  private static final int MSR_CTS = 0x10;
  private static final int MSR_DSR = 0x20;
  private static final int MSR_RI = 0x40;
  private static final int MSR_DCD = 0x80;
  private static final int MSR_LEVELS = 0xf0;
  private static final int PEER_LEVELS = MSR_CTS | MSR_DSR | MSR_DCD;

  // In the receive FIFO, a character's line errors stand above its eight bits.
  private static final int ENTRY_BREAK = LSR_BREAK << 8;

  private final InterruptLine line;
  private final ByteSink output;

  private final ByteRing fifo = new ByteRing(FIFO_BYTES);
  private final ByteRing queue = new ByteRing(RECEIVE_QUEUE_BYTES);
  private int ier;
  private int fcr;
  private int lcr;
  private int mcr;
  private int lineErrors;
  private int modemLevels = PEER_LEVELS;
  private int modemDeltas;
  private int scratch;
  private int divisor = 12;
  private boolean threPending;

  /**
   * A UART as after reset.
   *
   * @param line its interrupt
   * @param output takes what the guest transmits
   */
  public Uart16550(InterruptLine line, ByteSink output) {
    this.line = line;
    this.output = output;
  }

  /** How many bytes {@link #receive} would take now. */
  public int receiveRoom() {
    return queue.room();
  }

  /**
   * Input event: bytes arrive on the line.
   *
   * @return how many were taken; the rest must be offered again when there is {@link #receiveRoom}
   */
  public int receive(byte[] bytes) {
    int taken = Math.min(bytes.length, queue.room());
    for (int i = 0; i < taken; i++) {
      queue.add(bytes[i] & 0xff);
    }
    fill();
    drive();
    return taken;
  }

  /**
   * Input event: the line is held at break for one character.
   *
   * @return whether it was taken
   */
  public boolean receiveBreak() {
    if (queue.room() == 0) {
      return false;
    }
    queue.add(ENTRY_BREAK);
    fill();
    drive();
    return true;
  }

  /** Lets characters that wait on the line into the receiver, while it has room. */
  private void fill() {
    if ((mcr & MCR_LOOP) != 0) {
      return;
    }
    while (!queue.isEmpty() && fifo.size() < capacity()) {
      fifo.add(queue.remove());
    }
  }

  private boolean fifoEnabled() {
    return (fcr & FCR_ENABLE) != 0;
  }

  private int capacity() {
    return fifoEnabled() ? FIFO_BYTES : 1;
  }

  private int triggerLevel() {
    return fifoEnabled() ? TRIGGER[fcr >>> 6] : 1;
  }

  @Override
  public String kind() {
    return "uart0";
  }

  @Override
  public long read(int offset, int width) {
    boolean dlab = (lcr & LCR_DLAB) != 0;
    return switch (offset) {
      case 0 -> dlab ? divisor & 0xff : readReceiver();
      case 1 -> dlab ? divisor >>> 8 : ier;
      case 2 -> readIir();
      case 3 -> lcr;
      case 4 -> mcr;
      case 5 -> readLsr();
      case 6 -> readMsr();
      case 7 -> scratch;
      default -> 0xff;
    };
  }

  @Override
  public void write(int offset, int width, long value) {
    int octet = (int) value & 0xff;
    boolean dlab = (lcr & LCR_DLAB) != 0;
    switch (offset) {
      case 0 -> {
        if (dlab) {
          divisor = divisor & 0xff00 | octet;
        } else {
          transmit(octet);
        }
      }
      case 1 -> {
        if (dlab) {
          divisor = divisor & 0xff | octet << 8;
        } else {
          writeIer(octet);
        }
      }
      case 2 -> writeFcr(octet);
      case 3 -> lcr = octet;
      case 4 -> writeMcr(octet);
      case 7 -> scratch = octet;
      default -> {
        // LSR and MSR are read-only in normal use.
      }
    }
    drive();
  }

  private int readReceiver() {
    int value = 0;
    if (!fifo.isEmpty()) {
      value = fifo.remove() & 0xff;
      fill();
      // The next character's errors show when it comes to the top.
      drive();
    }
    return value;
  }

  /** Errors of the character at the top of the FIFO, or kept from one that was read with LSR. */
  private int topErrors() {
    return fifo.isEmpty() ? 0 : fifo.peek() >>> 8 & LSR_ERRORS;
  }

  private int readLsr() {
    int value = LSR_THRE | LSR_TEMT | lineErrors | topErrors();
    if (!fifo.isEmpty()) {
      value |= LSR_DATA_READY;
      if (fifoEnabled() && fifo.any(0xff00)) {
        value |= LSR_FIFO_ERROR;
      }
    }
    lineErrors = 0;
    if (!fifo.isEmpty()) {
      fifo.replaceHead(fifo.peek() & 0xff);
    }
    drive();
    return value;
  }

  private int readMsr() {
    int value = modemLevels | modemDeltas;
    modemDeltas = 0;
    drive();
    return value;
  }

  private int readIir() {
    int source = interruptSource();
    if (source == IIR_THRE) {
      threPending = false;
      drive();
    }
    return source | (fifoEnabled() ? IIR_FIFOS : 0);
  }

  /** The highest of the pending interrupts (data sheet, table III). */
  private int interruptSource() {
    if ((ier & IER_LINE) != 0 && (lineErrors | topErrors()) != 0) {
      return IIR_LINE;
    }
    if ((ier & IER_DATA) != 0 && !fifo.isEmpty()) {
      return fifo.size() >= triggerLevel() ? IIR_DATA : IIR_TIMEOUT;
    }
    if ((ier & IER_THRE) != 0 && threPending) {
      return IIR_THRE;
    }
    if ((ier & IER_MODEM) != 0 && modemDeltas != 0) {
      return IIR_MODEM;
    }
    return IIR_NONE;
  }

  private void drive() {
    boolean connected = (mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    line.set(connected && interruptSource() != IIR_NONE);
  }

  private void transmit(int octet) {
    // Full for no time: the interrupt request drops and comes again, an edge for each character.
    threPending = false;
    drive();
    if ((mcr & MCR_LOOP) == 0) {
      output.put(octet);
    } else if (fifo.size() < capacity()) {
      fifo.add(octet);
    } else {
      lineErrors |= LSR_OVERRUN;
      if (!fifoEnabled()) {
        fifo.replaceHead(octet);
      }
    }
    threPending = true;
  }

  private void writeIer(int octet) {
    int enabled = octet & 0x0f;
    if ((enabled & IER_THRE) != 0 && (ier & IER_THRE) == 0) {
      threPending = true;
    }
    ier = enabled;
  }

  private void writeFcr(int octet) {
    boolean enable = (octet & FCR_ENABLE) != 0;
    if (enable != fifoEnabled() || (octet & FCR_CLEAR_RECEIVER) != 0) {
      fifo.clear();
    }
    // Bit 0 must be set for the others to be programmed.
    fcr = enable ? octet & FCR_KEPT : 0;
    fill();
  }

  private void writeMcr(int octet) {
    mcr = octet & MCR_BITS;
    int levels = PEER_LEVELS;
    if ((mcr & MCR_LOOP) != 0) {
      levels = 0;
      levels |= (mcr & MCR_RTS) != 0 ? MSR_CTS : 0;
      levels |= (mcr & MCR_DTR) != 0 ? MSR_DSR : 0;
      levels |= (mcr & MCR_OUT1) != 0 ? MSR_RI : 0;
      levels |= (mcr & MCR_OUT2) != 0 ? MSR_DCD : 0;
    }
    setModemLevels(levels);
    fill();
  }

  private void setModemLevels(int levels) {
    int changed = (modemLevels ^ levels) & MSR_LEVELS;
    // The ring indicator reports only its end (TERI).
    if ((levels & MSR_RI) != 0) {
      changed &= ~MSR_RI;
    }
    modemDeltas |= changed >>> 4;
    modemLevels = levels;
  }

  @Override
  public DeviceState save() {
    return new StateWriter(kind(), VERSION)
        .numbers("fifo", fifo.toLongs())
        .numbers("queue", queue.toLongs())
        .number("ier", ier)
        .number("fcr", fcr)
        .number("lcr", lcr)
        .number("mcr", mcr)
        .number("lineErrors", lineErrors)
        .number("modemLevels", modemLevels)
        .number("modemDeltas", modemDeltas)
        .number("scratch", scratch)
        .number("divisor", divisor)
        .flag("threPending", threPending)
        .state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    fifo.restore(in, "fifo");
    queue.restore(in, "queue");
    ier = in.integer("ier", 0, 0x0f);
    fcr = in.octet("fcr");
    lcr = in.octet("lcr");
    mcr = in.integer("mcr", 0, MCR_BITS);
    lineErrors = in.octet("lineErrors");
    modemLevels = in.octet("modemLevels");
    modemDeltas = in.octet("modemDeltas");
    scratch = in.octet("scratch");
    divisor = in.integer("divisor", 0, 0xffff);
    threPending = in.flag("threPending");
    in.end();
  }
}
