package dev.lockstep.softcpu;

import dev.lockstep.engine.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * How operations leave the engine: the preallocated exit views, the answers that the machine gave to reads, and the writes that wait to be handed out.
 *
 * <p>A read (port, MMIO, MSR) throws out of its operation, which had no effect yet; when the machine has answered, the operation is executed again from its start and takes the answers in order: an
 * instruction may need several (a page-crossing load, CMPS). A write is queued, the operation completes, and the exits come one by one after it. All this works only in an operation that runs
 * alone ({@code c.single}); inside a longer block every method here throws {@link #restart} instead.
 */
final class Exits {
  private static final int PORT = 0;
  private static final int MMIO = 1;
  private static final int MSR = 2;

  private final ExitSignal restartSignal = new ExitSignal("restart");
  private final ExitSignal exitSignal = new ExitSignal("exit");

  private final VcpuExit.PortRead portRead = new VcpuExit.PortRead();
  private final VcpuExit.PortWrite portWrite = new VcpuExit.PortWrite();
  private final VcpuExit.MmioRead mmioRead = new VcpuExit.MmioRead();
  private final VcpuExit.MmioWrite mmioWrite = new VcpuExit.MmioWrite();
  private final VcpuExit.MsrRead msrRead = new VcpuExit.MsrRead();
  private final VcpuExit.MsrWrite msrWrite = new VcpuExit.MsrWrite();
  private final VcpuExit.Unsupported unsupported = new VcpuExit.Unsupported();

  private final Cpu c;

  /** The exit that {@link #exitSignal} carries. */
  private @Nullable VcpuExit thrown;

  /** The read exit whose answer is not collected yet. */
  private @Nullable VcpuExit asked;

  /** Answers in order of asking, and how many the running attempt has taken. */
  private long[] answers = new long[8];

  private int answerCount;
  private int answersTaken;

  /** Writes in order: three longs each, kind | width << 8, address, value. */
  private long[] posted = new long[24];

  private int postedCount;
  private int postedHanded;

  /** The WRMSR that was handed out last, to be refused where it was not accepted. */
  private boolean msrWriteOpen;

  private long msrWriteRip;

  Exits(Cpu c) {
    this.c = c;
  }

  /** Thrown by an operation that must be executed alone. Nothing of it may have happened. */
  ExitSignal restart() {
    return restartSignal;
  }

  /** IN: the value, zero-extended; or throws. All checks come first. */
  int portRead(int port, int width) {
    alone();
    if (answersTaken < answerCount) {
      return (int) answers[answersTaken++] & mask(width);
    }
    throw ask(portRead.set(port, width));
  }

  /** Whether the answer that {@link #portRead} returned came with a value for EDX. */
  boolean pair() {
    return portRead.pair();
  }

  /** That value. */
  int high() {
    return portRead.high();
  }

  /** OUT. The operation must complete after it. */
  void portWrite(int port, int width, int value) {
    post(PORT, width, port, value & mask(width));
  }

  /** A load without memory behind it: {@code width} bytes, zero-extended; or throws. */
  long mmioRead(long guestPhysical, int width) {
    alone();
    if (answersTaken < answerCount) {
      long value = answers[answersTaken++];
      return width == 8 ? value : value & (1L << 8 * width) - 1;
    }
    throw ask(mmioRead.set(guestPhysical, width));
  }

  /** A store without memory behind it. The operation must complete after it. */
  void mmioWrite(long guestPhysical, int width, long value) {
    post(MMIO, width, guestPhysical, width == 8 ? value : value & (1L << 8 * width) - 1);
  }

  /** RDMSR of a register that the engine does not have: its value; or throws, #GP(0) too. */
  long msrRead(int index) {
    alone();
    if (answersTaken < answerCount) {
      if (msrRead.refused()) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      return answers[answersTaken++];
    }
    throw ask(msrRead.set(index));
  }

  /** WRMSR of a register that the engine does not have. The operation must complete after it; where the machine refuses, #GP(0) comes with RIP set back to {@code rip}. */
  void msrWrite(int index, long value, long rip) {
    msrWriteRip = rip;
    post(MSR, 8, index, value);
  }

  /** Stops the machine by name. */
  ExitSignal unsupported(long rip, byte[] bytes, String what) {
    thrown = unsupported.set(rip, bytes, what);
    return exitSignal;
  }

  /** Whether the vCPU stands on an instruction that waits for an answer. */
  boolean waiting() {
    return asked != null;
  }

  /** Whether the next run has something to complete first: a read that waits, or a WRMSR that was refused. */
  boolean open() {
    return asked != null || msrWriteOpen && msrWrite.refused();
  }

  /** Takes the answer of the read that was handed out, before its instruction is executed again. */
  void collectAnswer() {
    VcpuExit read = asked;
    asked = null;
    if (read instanceof VcpuExit.PortRead port) {
      addAnswer(port.value());
    } else if (read instanceof VcpuExit.MmioRead mmio) {
      addAnswer(mmio.value());
    } else if (read instanceof VcpuExit.MsrRead msr) {
      addAnswer(msr.value());
    }
  }

  /** Before each attempt at an instruction alone. */
  void begin() {
    answersTaken = 0;
  }

  /** After an instruction completed or faulted: its answers are used up. */
  void done() {
    answerCount = 0;
    answersTaken = 0;
  }

  /** A fault: what was queued by the attempt is dropped. Operations check before they write, so that is nothing but a half-done page-crossing store's other half. */
  void abandon() {
    done();
    postedCount = 0;
    postedHanded = 0;
  }

  /** The exit that was thrown. */
  VcpuExit takeThrown() {
    VcpuExit exit = thrown;
    if (exit == null) {
      throw new IllegalStateException("an exit was signalled but none is set");
    }
    thrown = null;
    return exit;
  }

  /** The next queued write as an exit, or null. */
  @Nullable VcpuExit nextPosted() {
    if (postedHanded == postedCount) {
      postedHanded = 0;
      postedCount = 0;
      return null;
    }
    int at = 3 * postedHanded++;
    int kind = (int) posted[at] & 0xff;
    int width = (int) posted[at] >>> 8;
    return switch (kind) {
      case PORT -> portWrite.set((int) posted[at + 1], width, (int) posted[at + 2]);
      case MMIO -> mmioWrite.set(posted[at + 1], width, posted[at + 2]);
      default -> {
        msrWriteOpen = true;
        yield msrWrite.set((int) posted[at + 1], posted[at + 2]);
      }
    };
  }

  /** Whether the WRMSR that was handed out last was refused; asked once, at the next run. */
  boolean takeMsrRefused() {
    boolean refused = msrWriteOpen && msrWrite.refused();
    msrWriteOpen = false;
    return refused;
  }

  /** Address of the WRMSR that was refused. */
  long msrWriteRip() {
    return msrWriteRip;
  }

  /** Forgets everything: the state was replaced. */
  void clear() {
    thrown = null;
    asked = null;
    msrWriteOpen = false;
    abandon();
  }

  private void alone() {
    if (!c.single) {
      throw restartSignal;
    }
  }

  private ExitSignal ask(VcpuExit read) {
    asked = read;
    thrown = read;
    return exitSignal;
  }

  private void addAnswer(long value) {
    if (answerCount == answers.length) {
      answers = java.util.Arrays.copyOf(answers, 2 * answers.length);
    }
    answers[answerCount++] = value;
  }

  private void post(int kind, int width, long address, long value) {
    alone();
    if (3 * postedCount == posted.length) {
      posted = java.util.Arrays.copyOf(posted, 2 * posted.length);
    }
    int at = 3 * postedCount++;
    posted[at] = kind | width << 8;
    posted[at + 1] = address;
    posted[at + 2] = value;
    c.attention = true;
  }

  private static int mask(int width) {
    return width == 4 ? -1 : (1 << 8 * width) - 1;
  }
}
