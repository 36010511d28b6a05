package dev.lockstep.vmm.machine;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.DebuggableVcpu;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A replay under somebody's hand: goes on by one instruction or to a stop, keeps its whole state in memory and goes back to it. At every position the guest's state is exactly that of the plain replay, however the cursor
 * came there. One thread, which is the vCPU's; only {@link #interrupt} may be called from another.
 */
public final class ReplayCursor implements AutoCloseable {
  /** Why {@link #run} stopped. */
  public enum Stop {
    /** The count has come to the limit. */
    LIMIT,
    /** Stands before an instruction at an address of {@link #stopBefore}. */
    BREAKPOINT,
    /** The last step has accessed what is watched; see {@link #watched}. */
    WATCHPOINT,
    /** {@link #interrupt} was called. */
    INTERRUPTED,
    /** The replay has come to its end; see {@link #end}. */
    END
  }

  private final MachineCore core;
  private final DebuggableVcpu vcpu;
  private final ReopenableLog log;
  private final CursorMemory memory;
  private final Mailbox mailbox = new Mailbox(() -> {});
  private final CpuState scratch = new CpuState();
  private ReopenableLog.Source source;
  private FollowConductor follow;
  private long stepsBase;
  private long[] stops = {};
  private @Nullable String end;
  private DebuggableVcpu.@Nullable Watchpoint watched;
  private volatile boolean interrupted;

  ReplayCursor(MachineCore core, ReopenableLog log) {
    this.core = core;
    this.log = log;
    if (!(core.vcpu() instanceof DebuggableVcpu it)
        || it.branchSemantics() != BranchSemantics.ALL_TRANSFERS) {
      throw new VmmException(
          "the engine of machine '%s' cannot be debugged".formatted(core.spec().name()),
          "Debug a log of engine soft.");
    }
    this.vcpu = it;
    this.memory = new CursorMemory(core);
    this.source = log.open(0);
    this.follow = follow(source);
    core.board().disks().onExecuted(mailbox::signal);
  }

  private FollowConductor follow(LogSource from) {
    return new FollowConductor(
        core,
        mailbox,
        from,
        new DirectGate((stream, offset, bytes) -> {}),
        MachineMode.REPLAY,
        null);
  }

  /** What the log is of. */
  public LogHeader header() {
    return source.header();
  }

  /** Where it stands. */
  public Position position() {
    return new Position(steps(), vcpu.point());
  }

  /** {@link Position#steps} without the rest. */
  public long steps() {
    return stepsBase + vcpu.instructionsExecuted() + vcpu.branchCount();
  }

  /** The branch count. */
  public long count() {
    return vcpu.branchCount();
  }

  /** Virtual time here, in nanoseconds. */
  public long virtualNanos() {
    return core.virtualNanos();
  }

  /** Number of the entry that takes effect next. */
  public long nextSequence() {
    return core.nextSequence();
  }

  /** That entry, or null at the log's end. */
  public @Nullable LogEntry nextEntry() {
    return source.peek();
  }

  /** The registers; valid until the next move. */
  public CpuState cpu() {
    vcpu.getState(scratch);
    return scratch;
  }

  /** Guest memory; to be read only. */
  public GuestMemory memory() {
    return core.memory();
  }

  /** Hashes the state without the disks. */
  public MachineDigest digest() {
    return core.digest(false);
  }

  /** How the replay ended, in words, if it stands at its end and went on; else null. */
  public @Nullable String end() {
    return end;
  }

  /** What the last move accessed that is watched, or null. */
  public DebuggableVcpu.@Nullable Watchpoint watched() {
    return watched;
  }

  /** Opens the log once more, to look ahead. */
  public ReopenableLog.Source look(long sequence) {
    return log.open(sequence);
  }

  /** Sets the addresses at which {@link #run} stops. Costs something when they are others than before. */
  public void stopBefore(long[] linear) {
    long[] wanted = linear.clone();
    Arrays.sort(wanted);
    if (!Arrays.equals(wanted, stops)) {
      stops = wanted;
      vcpu.stopBefore(wanted);
    }
  }

  /** Sets what is watched; {@link #run} is slower while anything is. */
  public void watch(List<DebuggableVcpu.Watchpoint> watchpoints) {
    vcpu.watch(watchpoints);
    vcpu.takeWatched();
  }

  /** Makes {@link #run} stop soon. Any thread. */
  public void interrupt() {
    interrupted = true;
    vcpu.kick();
  }

  /** Whether {@link #interrupt} was called since this was last asked. */
  public boolean takeInterrupted() {
    boolean was = interrupted;
    interrupted = false;
    return was;
  }

  /** Whether the vCPU stands before an instruction at an address of {@link #stopBefore}. */
  public boolean atBreakpoint() {
    return vcpu.stopsHere();
  }

  /**
   * Moves on by one instruction, one iteration of a repeated string instruction, or one event's delivery; what happens to the guest where it stands happens first.
   *
   * @return false at the end of the replay, where nothing moves
   * @throws DivergenceException if the replay is not the recorded execution
   */
  public boolean step() {
    watched = null;
    long from = steps();
    while (end == null) {
      LogEntry entry = source.peek();
      if (entry == null) {
        end = "the log ends here";
      } else if (follow.isDue(entry)) {
        take(entry);
      } else {
        towards(entry);
        if (steps() != from) {
          watched = vcpu.takeWatched();
          return true;
        }
      }
    }
    return false;
  }

  private void take(LogEntry entry) {
    try {
      MachineEnd reached = follow.take(entry);
      if (reached != null) {
        end = "the recording ends here: " + reached.reason();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the replay was interrupted", "Start it again.", e);
    }
  }

  private void towards(LogEntry entry) {
    VcpuRunner runner = core.runner();
    if (runner.endReason() != null || entry.at().count() < vcpu.branchCount()) {
      throw follow.diverged(
          entry, "the execution", "at " + entry.at(), "past it: " + runner.endDetail());
    }
    if (runner.halted()) {
      follow.idleTowards(entry);
    } else {
      runner.step();
    }
  }

  /**
   * Moves on, by one step at least, until something stops it.
   *
   * @param limitCount stops at the first position with this branch count or more
   */
  public Stop run(long limitCount) {
    watched = null;
    boolean moved = false;
    while (vcpu.branchCount() < limitCount) {
      LogEntry entry = source.peek();
      long next = entry == null ? 0 : entry.at().count();
      // Near the moment of an entry every step is looked at.
      boolean near = next <= vcpu.branchCount();
      if (!moved || near || core.runner().halted()) {
        if (!step()) {
          return Stop.END;
        }
        moved = true;
      } else {
        core.runner().run(Math.min(limitCount, next));
        watched = vcpu.takeWatched();
      }
      if (watched != null) {
        return Stop.WATCHPOINT;
      }
      if (atBreakpoint()) {
        return Stop.BREAKPOINT;
      }
      if (interrupted) {
        return Stop.INTERRUPTED;
      }
    }
    return Stop.LIMIT;
  }

  /** The whole state of a replay at one position, in memory. */
  public static final class Saved {
    private final Position position;
    private final byte[] state;
    private final CursorMemory.Content content;
    private final long sequence;
    private final long virtualNanos;

    private Saved(
        Position position,
        byte[] state,
        CursorMemory.Content content,
        long sequence,
        long virtualNanos) {
      this.position = position;
      this.state = state;
      this.content = content;
      this.sequence = sequence;
      this.virtualNanos = virtualNanos;
    }

    /** Where it stands. */
    public Position position() {
      return position;
    }

    /** Virtual time there, in nanoseconds. */
    public long virtualNanos() {
      return virtualNanos;
    }

    /** Bytes of memory pages and of the machine's state that the one before does not share, about. */
    public long ownBytes(@Nullable Saved before) {
      return state.length + content.ownBytes(before == null ? null : before.content);
    }
  }

  /** Keeps the state. */
  public Saved save() {
    byte[] state = MachineStateCodec.encode(core);
    return new Saved(position(), state, memory.save(), core.nextSequence(), virtualNanos());
  }

  /** Goes back, or forward, to a state that was kept. */
  public void restore(Saved saved) {
    core.board().disks().drain();
    memory.restore(saved.content);
    core.runner().revive();
    core.board().forgetPowerRequest();
    MachineStateCodec.restore(core, saved.state);
    core.board().disks().resubmit();
    source.close();
    source = log.open(saved.sequence);
    follow = follow(source);
    stepsBase = saved.position.steps() - vcpu.instructionsExecuted() - vcpu.branchCount();
    end = null;
    watched = null;
    vcpu.takeWatched();
  }

  @Override
  public void close() {
    source.close();
  }
}
