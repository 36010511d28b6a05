package dev.lockstep.vmm.machine;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.TimedDevice;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A replica: runs to the moment of each entry of its source and lets it take effect there, or compares. Never runs past
 * the last entry or progress mark that the source holds.
 */
final class FollowConductor implements Conductor {
  /** A guest that comes by so often without a counted branch will never do what the recorded one did. */
  private static final int MAX_PASSES = 1 << 20;

  private final MachineCore core;
  private final Mailbox mailbox;
  private final LogSource source;
  private final OutputGate gate;
  private final MachineMode mode;
  private final @Nullable ReplayStop stop;
  private final long overshoots;

  /** How often in a row the guest came by an entry's point, but not as the recorded one stood there. */
  private int passes;

  private volatile boolean waiting;

  /** How far the guest may run without an entry, unless it waits halted before. */
  private long promised;

  /** Whether the guest has run by a promise since it last stood at the moment of an entry: it may be past some that are still to come. */
  private volatile boolean ahead;

  /**
   * @param until where to stop before the log's end; null for nowhere
   */
  FollowConductor(
      MachineCore core,
      Mailbox mailbox,
      LogSource source,
      OutputGate gate,
      MachineMode mode,
      @Nullable ReplayTarget until) {
    this.stop = until == null ? null : new ReplayStop(core, until);
    this.core = core;
    this.overshoots = core.names().overshoots();
    this.mailbox = mailbox;
    this.source = source;
    this.gate = gate;
    this.mode = mode;
    core.setNextSequence(source.firstSequence());
    source.onAvailable(this::look);
  }

  @Override
  public MachineMode mode() {
    return mode;
  }

  @Override
  public long epoch() {
    return source.header().epoch();
  }

  @Override
  public boolean waiting() {
    return waiting;
  }

  @Override
  public boolean readyForLife() {
    return source.peek() == null;
  }

  /** The source has something. Only a guest that may be past the moment of what comes is made to stop for it. Any thread. */
  private void look() {
    mailbox.wake();
    if (ahead) {
      core.vcpu().kick();
    }
  }

  @Override
  public @Nullable MachineEnd turn() throws InterruptedException {
    LogEntry entry = source.peek();
    boolean exact = entry != null && isDue(entry);
    if (exact) {
      ahead = false;
    }
    boolean due = exact || entry != null && isPassed(entry);
    if (stop != null && stop.reached(entry, due)) {
      return core.end(EndReason.TARGET, false, false);
    }
    if (entry == null) {
      return atEndOfSource();
    }
    if (!due) {
      if (stop == null || !stop.advance(entry)) {
        advanceTowards(entry);
      }
      requireInTime();
      return null;
    }
    return take(entry);
  }

  /** Lets the entry whose moment is this boundary take effect, or waits for what it needs; how the run ends if it ends here. */
  @Nullable MachineEnd take(LogEntry entry) throws InterruptedException {
    if (entry instanceof LogEntry.UncertainFrom) {
      return core.end(EndReason.UNCERTAIN, false, false);
    }
    if (entry instanceof LogEntry.EndOfLog it) {
      MachineEnd end = finish(it);
      taken(entry);
      return end;
    }
    if (!fulfil(entry)) {
      mailbox.await(Long.MAX_VALUE);
      return null;
    }
    taken(entry);
    return null;
  }

  private void taken(LogEntry entry) {
    passes = 0;
    source.advance();
    if (entry instanceof LogEntry.ProgressMark it) {
      promised = it.until();
      return;
    }
    core.takeSequence();
    if (!(entry instanceof LogEntry.OutputEntry)) {
      // What was promised was over when this happened, though more may happen at the same moment.
      promised = 0;
    }
  }

  private @Nullable MachineEnd atEndOfSource() throws InterruptedException {
    if (source.ended() && mode == MachineMode.REPLAY) {
      return core.end(EndReason.HANDED_OVER, false, false);
    }
    if (runAhead()) {
      return null;
    }
    waiting = true;
    mailbox.await(Long.MAX_VALUE);
    waiting = false;
    return null;
  }

  /** Runs on by the primary's promise, if there is one. */
  private boolean runAhead() {
    if (core.vcpu().branchCount() >= promised || core.runner().endReason() != null) {
      return false;
    }
    if (core.runner().halted() && !core.runner().wake()) {
      promised = 0;
      return false;
    }
    ahead = true;
    // One that has come before anybody knew that this machine is ahead has not made it look.
    if (source.peek() == null) {
      core.runner().run(promised);
      requireInTime();
    }
    return true;
  }

  /** Whether a guest that has run ahead has come by this entry's moment. Its output may have come out before the primary's: then content and order are compared. */
  private boolean isPassed(LogEntry entry) {
    if (!ahead) {
      return false;
    }
    long count = core.vcpu().branchCount();
    return switch (entry) {
      case LogEntry.OutputEntry it ->
          it.at().count() < count || core.outputs().difference(it) == null;
      case LogEntry.ProgressMark it ->
          it.at().count() < count || it.at().count() == count && !it.at().halted();
      default -> false;
    };
  }

  @Override
  public MachineEnd stop() {
    return core.end(EndReason.STOPPED, false, false);
  }

  @Override
  public void close() {
    // The source belongs to whoever gave it.
  }

  /** Whether this boundary is the moment of an entry. One point may be both before the guest's end and behind it. */
  boolean isDue(LogEntry entry) {
    boolean endsHere =
        entry instanceof LogEntry.EndOfLog it
            && it.reason().byGuest()
            && it.reason() != EndReason.HALTED_FOR_EVER;
    return standsAt(entry.at()) && (!endsHere || core.runner().endReason() != null);
  }

  private boolean standsAt(Moment moment) {
    if (!core.vcpu().point().equals(moment.point()) || core.runner().halted() != moment.halted()) {
      return false;
    }
    if (!moment.halted() || core.runner().endReason() != null) {
      return true;
    }
    // Before its time goes on, a halted guest is woken by what waits.
    boolean wakes = core.board().interruptPending() && core.runner().wakeable();
    return core.board().nextDeadlineNanos() > moment.haltedNanos()
        && !(wakes && moment.haltedNanos() > core.virtualNanos());
  }

  private void advanceTowards(LogEntry entry) {
    Moment target = entry.at();
    if (core.runner().endReason() != null) {
      throw diverged(
          entry, "the run", "going on to " + target, "at its end: " + core.runner().endDetail());
    }
    if (core.runner().halted()) {
      idleTowards(entry);
      return;
    }
    if (core.vcpu().point().equals(target.point())) {
      passBy(entry);
      return;
    }
    VcpuRunner.Stop came = core.runner().runTo(target.point());
    requireInTime();
    switch (came) {
      case MISSED -> {
        if (!ahead || !(entry instanceof LogEntry.OutputEntry)) {
          throw diverged(entry, "the execution", "at " + target, "past it");
        }
        // What it has not put out is found to be missing in the next turn.
      }
      case POINT, KICKED, HALTED, ENDED -> {
        // Looked at in the next turn.
      }
      case LIMIT -> throw new IllegalStateException("a run to a point has no limit");
    }
  }

  /** Where a timer may have fired late, or a point was run past, nothing can be compared any more. */
  private void requireInTime() {
    if (core.names().overshoots() > overshoots) {
      throw new OvershotException(
          core.nextSequence(), core.vcpu().branchCount(), core.names().margin());
    }
  }

  /**
   * The guest came by the entry's point, but runs where the recorded one was halted or had ended: an engine may stop there just
   * before that, and where conditional branches alone are counted, the guest may come by before it does it.
   */
  private void passBy(LogEntry entry) {
    passes++;
    if (passes > MAX_PASSES) {
      throw diverged(entry, "the guest", entry.at().halted() ? "halted" : "at its end", "running");
    }
    core.runner().step();
  }

  /** The guest is halted here and the entry's moment is later. */
  void idleTowards(LogEntry entry) {
    if (core.runner().wake()) {
      return;
    }
    Moment target = entry.at();
    ExecutionPoint point = core.vcpu().point();
    long count = point.branchCount();
    // Counting conditional branches only, an interrupt's handler may begin with the same count.
    boolean later =
        target.count() > count || (target.count() == count && !target.point().equals(point));
    boolean here = target.halted() && target.point().equals(point);
    if (!later && !here) {
      throw diverged(entry, "the execution", "at " + target, "halted at " + point);
    }
    if (core.board().nextDeadlineNanos() == TimedDevice.NO_DEADLINE) {
      throw diverged(entry, "the execution", "at " + target, "halted without a timer at " + point);
    }
    // Until that entry only a timer can wake it: to wait for one that cannot would be for ever.
    if (later && !(core.runner().wakeable() && core.board().timerCanInterrupt())) {
      throw diverged(entry, "the execution", "at " + target, "halted for ever at " + point);
    }
    promised = 0;
    core.fireNextTimer();
  }

  /** Lets an entry take effect, or compares it; false if that must wait for this replica's own I/O. */
  private boolean fulfil(LogEntry entry) {
    // An output that a guest which is ahead has put out before is no moment of its time.
    if (entry.at().halted() && !(entry instanceof LogEntry.ProgressMark) && !ahead) {
      core.idleUntil(entry.at().haltedNanos());
    }
    switch (entry) {
      case LogEntry.DiskCompletion it -> {
        return complete(it);
      }
      case LogEntry.Input it -> apply(it);
      case LogEntry.OutputEntry it -> compareOutput(it);
      case LogEntry.DigestEntry it -> {
        compare(it, "digest of the registers", it.registers(), core.registersDigest());
        compare(it, "digest of the devices", it.devices(), core.devicesDigest());
      }
      case LogEntry.CheckpointMark it -> compareAll(it, it.digest());
      case LogEntry.ProgressMark it -> {
        // That it was reached is all.
      }
      case LogEntry.UncertainFrom it -> throw new IllegalStateException("nothing lies behind it");
      case LogEntry.EndOfLog it -> throw new IllegalStateException("the end is not fulfilled");
    }
    return true;
  }

  /** Completes a disk request, once this replica's own I/O for it is done; its listener wakes us. */
  private boolean complete(LogEntry.DiskCompletion entry) {
    DiskRequest request = core.request(entry);
    if (request == null) {
      throw diverged(
          entry,
          "request %d of disk device %d".formatted(entry.request(), entry.device()),
          "waited for",
          "not waited for");
    }
    if (!request.isExecuted()) {
      return false;
    }
    apply(entry);
    return true;
  }

  /** An input that this guest cannot take means that it is not where the recorded one was. */
  private void apply(LogEntry.Input entry) {
    try {
      core.apply(entry);
    } catch (IllegalStateException e) {
      throw diverged(
          entry, "what the guest can take", entry.toString(), String.valueOf(e.getMessage()));
    }
  }

  private void compareOutput(LogEntry.OutputEntry entry) {
    String[] difference = core.outputs().difference(entry);
    if (difference != null) {
      throw diverged(entry, difference[0], difference[1], difference[2]);
    }
    gate.offer(new Output(core.nextSequence(), entry, core.outputs().take(entry)));
  }

  private MachineEnd finish(LogEntry.EndOfLog entry) {
    EndReason here = core.runner().endReason();
    if (entry.reason() == EndReason.HALTED_FOR_EVER && core.runner().halted()) {
      if (core.runner().wakeable()) {
        throw diverged(entry, "interrupts at the final HLT", "off", "on");
      }
      core.runner().haltedForEver();
      here = EndReason.HALTED_FOR_EVER;
    }
    if (entry.reason().byGuest() && here != entry.reason()) {
      throw diverged(entry, "the end", entry.reason().name(), String.valueOf(here));
    }
    if (entry.reason().byGuest()) {
      compare(entry, "the exit code", entry.exitCode(), core.runner().exitCode());
    }
    int stream = core.outputs().pendingStream();
    if (stream >= 0) {
      throw diverged(entry, "output at the end", "none more", "more on stream " + stream);
    }
    core.board().disks().sync();
    MachineDigest digest = entry.digest();
    if (digest != null) {
      compareAll(entry, digest);
    }
    return core.end(entry.reason(), entry.reason().byGuest(), digest != null);
  }

  private void compareAll(LogEntry entry, MachineDigest recorded) {
    List<String> differences = recorded.differences(core.digest(!recorded.disks().isEmpty()));
    if (!differences.isEmpty()) {
      String[] words = differences.getFirst().split(" / ", 2);
      throw diverged(entry, "digest", words[0], words[1]);
    }
  }

  private void compare(LogEntry entry, String field, long recorded, long replayed) {
    if (recorded != replayed) {
      throw diverged(entry, field, "%016x".formatted(recorded), "%016x".formatted(replayed));
    }
  }

  VmmException diverged(LogEntry entry, String field, String recorded, String replayed) {
    return new DivergenceException(core.moment(), entry, field, recorded, replayed);
  }
}
