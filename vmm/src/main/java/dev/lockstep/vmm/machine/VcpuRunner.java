package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.DebuggableVcpu;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.bus.Bus;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.time.VirtualClock;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Runs the vCPU from boundary to boundary, the same way on a live machine and on a replica: hands its exits to the bus,
 * lets timers fire at their counts, injects interrupts as soon as the guest can take them.
 *
 * <p>What it does depends on the guest's state and on counts alone. Kicks, limits and targets only decide where it stops.
 * It never stops while an exit waits for its answer: there, the device has acted already and the instruction has not
 * completed, so the execution point would name two different states.
 */
final class VcpuRunner {
  /** Why it stopped. */
  enum Stop {
    /** The count has come to the limit. */
    LIMIT,
    /** Kicked. */
    KICKED,
    /** The guest is halted and no interrupt waits for it. */
    HALTED,
    /** The vCPU stands at the target. */
    POINT,
    /** The target was passed. */
    MISSED,
    /** The guest ended itself; see {@link #endReason}. */
    ENDED
  }

  /** Code of the guest's that was patched into writes to a port, by which it calls the machine. */
  interface Stops {
    /**
     * The guest has written to a port.
     *
     * @return what the vCPU has exited with since; null if the write is no call
     */
    @Nullable VcpuExit stopped(VcpuExit.PortWrite exit);
  }

  private final Vcpu vcpu;
  private final Board board;
  private final Bus bus;
  private final VirtualClock clock;
  private final @Nullable Stops stops;
  private final CpuState scratch = new CpuState();
  private final ExitCounts exits = new ExitCounts();
  private boolean halted;
  private @Nullable EndReason endReason;
  private String endDetail = "";
  private int exitCode;

  /**
   * @param stops where a patched guest calls the machine; null if it was not patched
   */
  VcpuRunner(Vcpu vcpu, Board board, VirtualClock clock, @Nullable Stops stops) {
    this.stops = stops;
    this.vcpu = vcpu;
    this.board = board;
    this.bus = board.bus();
    this.clock = clock;
  }

  /** Whether the guest executed HLT and nothing has been injected since. */
  boolean halted() {
    return halted;
  }

  /** After a restore: what {@link dev.lockstep.engine.CpuState#halted} says. */
  void setHalted(boolean halted) {
    this.halted = halted;
  }

  /** How often the guest has left the engine: the vCPU's thread's own counts, which go on. */
  ExitCounts exits() {
    return exits;
  }

  /** Why the guest ended, or null while it has not. */
  @Nullable EndReason endReason() {
    return endReason;
  }

  /** What ended it, for people. */
  String endDetail() {
    return endDetail;
  }

  /** What it gave to the debug-exit port. */
  int exitCode() {
    return exitCode;
  }

  /** Runs until the count is at least {@code limitCount}, or something else stops it. */
  Stop run(long limitCount) {
    return go(limitCount, null);
  }

  /** Runs to a point exactly. */
  Stop runTo(ExecutionPoint target) {
    return go(Long.MAX_VALUE, target);
  }

  /** If the guest is halted and an interrupt waits for it, injects it and answers true: it runs on. */
  boolean wake() {
    if (halted && board.interruptPending() && vcpu.interruptible()) {
      vcpu.injectInterrupt(board.acknowledgeInterrupt());
      halted = false;
      return true;
    }
    return false;
  }

  /** Whether an interrupt could wake a halted guest. */
  boolean wakeable() {
    return vcpu.interruptible();
  }

  /** The guest will never run again. */
  void haltedForEver() {
    end(EndReason.HALTED_FOR_EVER, "HLT with interrupts off");
  }

  /**
   * Moves the vCPU by as little as can be: one event's delivery, one instruction, or one iteration of a repeated string instruction, with the exits that belong to it answered. Interrupts that wait are injected before it, and
   * timers fire that have come due by it, as between two boundaries of {@link #run}.
   *
   * @return whether it has moved; if not, the guest is halted and no interrupt waits for it, or it has ended itself
   */
  boolean step() {
    if (endReason != null || halted && !wake()) {
      return false;
    }
    vcpu.requestInterruptWindow(false);
    if (board.interruptPending() && vcpu.interruptible()) {
      vcpu.injectInterrupt(board.acknowledgeInterrupt());
    }
    boolean moved = stepAnswered();
    if (moved) {
      settleArrived();
    }
    return moved;
  }

  private boolean stepAnswered() {
    long before = vcpu.instructionsExecuted() + vcpu.branchCount();
    VcpuExit exit = vcpu.step();
    while (true) {
      boolean completes =
          exit instanceof VcpuExit.PortRead
              || exit instanceof VcpuExit.MmioRead
              || exit instanceof VcpuExit.MsrRead
              || exit instanceof VcpuExit.MsrWrite;
      if (exit instanceof VcpuExit.Halt) {
        boolean moved = vcpu.instructionsExecuted() + vcpu.branchCount() != before;
        // A HLT that was executed just now is said to halt when the guest is to go on from it, as
        // by run.
        halted = !moved;
        return moved;
      }
      boolean settled = exit instanceof VcpuExit.Stepped || exit instanceof VcpuExit.PointReached;
      if (settled || exit instanceof VcpuExit.PointMissed) {
        return true;
      }
      if (dispatch(exit, Long.MAX_VALUE, false) == Stop.ENDED) {
        return vcpu.instructionsExecuted() + vcpu.branchCount() != before;
      }
      // The completion of an answer is the step; of several writes the next ones are handed out,
      // without a move.
      exit = completes ? vcpu.step() : vcpu.runTo(vcpu.point());
    }
  }

  /** Lets the timers fire that are due, as {@link #run} does at its limit, unless an event is to be delivered first. */
  private void settleArrived() {
    if (vcpu.branchCount() < clock.countAt(board.nextDeadlineNanos())) {
      return;
    }
    vcpu.getState(scratch);
    if (scratch.pendingDebug == 0
        && scratch.pendingException < 0
        && scratch.pendingInterrupt < 0
        && !scratch.shutdown) {
      settle();
    }
  }

  /** The state was replaced by one of a guest that has not ended. */
  void revive() {
    endReason = null;
    endDetail = "";
    exitCode = 0;
  }

  private Stop go(long limitCount, @Nullable ExecutionPoint target) {
    while (endReason == null) {
      if (halted && !wake()) {
        return Stop.HALTED;
      }
      long due = clock.countAt(board.nextDeadlineNanos());
      vcpu.requestInterruptWindow(board.interruptPending());
      VcpuExit exit =
          target != null && due > target.branchCount()
              ? vcpu.runTo(target)
              : vcpu.run(Math.min(due, limitCount));
      Stop stop = dispatch(exit, limitCount, target == null);
      if (stop != null) {
        return stop;
      }
    }
    return Stop.ENDED;
  }

  /**
   * Handles one exit; null to run on. After a read the next run completes the instruction with the answer before it looks
   * at anything else (see {@link Vcpu#run}), so running on is all there is to do.
   */
  private @Nullable Stop dispatch(VcpuExit exit, long limitCount, boolean limited) {
    exits.add(kind(exit));
    return switch (exit) {
      case VcpuExit.PortRead it -> {
        int value = bus.readPort(it.port(), it.width());
        if (it.port() == MachineLayout.TSC && it.width() == Integer.BYTES) {
          it.completePair(value, board.timeStampHigh());
        } else {
          it.complete(value);
        }
        yield null;
      }
      case VcpuExit.MmioRead it -> {
        it.complete(bus.readMmio(it.address(), it.width()));
        yield null;
      }
      case VcpuExit.PortWrite it -> {
        VcpuExit since = stops == null ? null : stops.stopped(it);
        if (since != null) {
          yield dispatch(since, limitCount, limited);
        }
        bus.writePort(it.port(), it.width(), it.value());
        yield ended();
      }
      case VcpuExit.MmioWrite it -> {
        bus.writeMmio(it.address(), it.width(), it.value());
        yield ended();
      }
      // Registers outside the model: unanswered, so the guest gets #GP(0).
      case VcpuExit.MsrRead it -> null;
      case VcpuExit.MsrWrite it -> null;
      case VcpuExit.InterruptWindow it -> {
        if (vcpu instanceof DebuggableVcpu debugged && debugged.stopsHere()) {
          // Standing here is what is looked for, though an interrupt comes before the instruction.
          yield Stop.KICKED;
        }
        vcpu.injectInterrupt(board.acknowledgeInterrupt());
        yield null;
      }
      case VcpuExit.Deadline it -> {
        settle();
        yield limited && vcpu.branchCount() >= limitCount ? Stop.LIMIT : null;
      }
      case VcpuExit.Halt it -> {
        halted = true;
        yield null;
      }
      case VcpuExit.Kicked it -> Stop.KICKED;
      case VcpuExit.PointReached it -> Stop.POINT;
      case VcpuExit.PointMissed it -> Stop.MISSED;
      case VcpuExit.Stepped it -> null;
      case VcpuExit.Shutdown it -> end(EndReason.TRIPLE_FAULT, "triple fault");
      case VcpuExit.Unsupported it ->
          end(
              EndReason.UNSUPPORTED,
              "%s at %#x, bytes %s"
                  .formatted(it.what(), it.rip(), HexFormat.of().formatHex(it.bytes())));
    };
  }

  private static ExitKind kind(VcpuExit exit) {
    return switch (exit) {
      case VcpuExit.PortRead it -> ExitKind.PORT_READ;
      case VcpuExit.PortWrite it -> ExitKind.PORT_WRITE;
      case VcpuExit.MmioRead it -> ExitKind.MMIO_READ;
      case VcpuExit.MmioWrite it -> ExitKind.MMIO_WRITE;
      case VcpuExit.MsrRead it -> ExitKind.MSR_READ;
      case VcpuExit.MsrWrite it -> ExitKind.MSR_WRITE;
      case VcpuExit.Halt it -> ExitKind.HALT;
      case VcpuExit.InterruptWindow it -> ExitKind.INTERRUPT_WINDOW;
      case VcpuExit.Deadline it -> ExitKind.DEADLINE;
      case VcpuExit.Kicked it -> ExitKind.KICKED;
      case VcpuExit.PointReached it -> ExitKind.POINT;
      case VcpuExit.PointMissed it -> ExitKind.POINT;
      case VcpuExit.Stepped it -> ExitKind.STEPPED;
      case VcpuExit.Shutdown it -> ExitKind.SHUTDOWN;
      case VcpuExit.Unsupported it -> ExitKind.UNSUPPORTED;
    };
  }

  /** Lets every timer fire that is due. Returns when none is. */
  void settle() {
    long now = clock.nanosAt(vcpu.branchCount());
    while (board.nextDeadlineNanos() <= now) {
      board.advance(now);
    }
  }

  private @Nullable Stop ended() {
    Board.PowerRequest request = board.powerRequest();
    if (request == null) {
      return null;
    }
    exitCode = request.exitCode();
    return end(request.reason(), request.detail());
  }

  private Stop end(EndReason reason, String detail) {
    endReason = reason;
    endDetail = detail;
    return Stop.ENDED;
  }
}
