package dev.lockstep.vmm.machine;

import dev.lockstep.counting.anchor.AnchoredVcpu;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.time.VirtualClock;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A backup without a branch counter. Each input takes effect at its point if the guest comes by it, which it does as long as it has made the same exits; else at the nearest: the first boundary at or past it, where the guest
 * waits for what it would wait for longer than the primary's did, or where it has done far more work without coming there. An input that the guest cannot take there waits for a while, with the guest running on; then the two have
 * diverged. So have they when outputs differ, or are put out by one alone for too long. Nothing waits for ever.
 *
 * <p>Virtual time is the primary's at each entry, and never beyond the newest that is known. docs/quasi-lockstep.md says what follows from all this.
 */
final class FreeFollowConductor implements Conductor {
  /** How long an input waits until the guest can take it: of the primary's virtual time, and of the host's if that stands still. */
  static final long INPUT_WAIT_NANOS = 1_000_000_000;

  /** Work beyond what the primary's guest has done, after which one that makes no exit gets its input where it is: 100 ms of an engine's. */
  private static final long WORK_SLACK =
      100_000_000 / (VirtualClock.INITIAL_PACE / VirtualClock.ONE_NANO);

  /** How much further a guest is run that cannot take an interrupt where it stands, each time, and how often. */
  private static final long OPENING_WORK = 512;

  private static final int OPENINGS = 64;

  /** How often somebody who waits looks again. */
  private static final long LOOK_NANOS = 20_000_000;

  private final MachineCore core;
  private final AnchoredVcpu vcpu;
  private final Mailbox mailbox;
  private final FreeLogSource source;
  private final ExpectedOutputs outputs;
  private final OwnCompletions completions;

  /** The primary's work, and this guest's, at the last entry. */
  private long theirWork;

  private long ownWork;
  private boolean worked;

  /** The primary's virtual time at the last entry that was taken. */
  private long takenNanos;

  /** Since when the next entry waits for the guest: host time, and the horizon's then; 0 while none waits. */
  private long waitsSinceNanos;

  private long waitsSinceHorizon;
  private volatile boolean waiting;

  FreeFollowConductor(MachineCore core, Mailbox mailbox, FreeLogSource source, OutputGate gate) {
    if (!(core.vcpu() instanceof AnchoredVcpu anchored)) {
      throw new IllegalStateException("only a machine that numbers its exits follows freely");
    }
    this.core = core;
    this.vcpu = anchored;
    this.mailbox = mailbox;
    this.source = source;
    outputs =
        new ExpectedOutputs(
            core.outputs(), core.board().networkIndex(), core.board().translation(), source, gate);
    completions = new OwnCompletions(core);
    takenNanos = core.virtualNanos();
    core.setNextSequence(source.firstSequence());
    source.onAvailable(mailbox::wake);
  }

  @Override
  public MachineMode mode() {
    return MachineMode.FOLLOW;
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
    return source.next() == null;
  }

  @Override
  public @Nullable MachineEnd turn() throws InterruptedException {
    lookAtOutputs();
    PlacedEntry next = source.next();
    if (next == null) {
      waiting = true;
      mailbox.await(outputs.isEmpty() ? Long.MAX_VALUE : LOOK_NANOS);
      waiting = false;
      return null;
    }
    if (!isDue(next)) {
      advanceTowards(next);
      completions.complete(takenNanos);
      return null;
    }
    return take(next);
  }

  private void lookAtOutputs() {
    outputs.collect(core.moment(), takenNanos);
    ExpectedOutputs.Difference difference = outputs.difference(takenNanos);
    if (difference != null) {
      throw diverged(
          difference.expected(), difference.field(), difference.recorded(), difference.found());
    }
  }

  @Override
  public MachineEnd stop() {
    return core.end(EndReason.STOPPED, false, false);
  }

  @Override
  public void close() {
    // Going live: what was never put out by the primary is this machine's to put out.
    outputs.handBack();
    vcpu.limitWork(Long.MAX_VALUE);
  }

  // ---- where an entry is due

  private boolean isDue(PlacedEntry next) {
    if (core.runner().endReason() != null) {
      return true;
    }
    Moment at = next.entry().at();
    long count = vcpu.branchCount();
    boolean halted = core.runner().halted();
    if (halted && core.board().interruptPending() && core.runner().wakeable()) {
      // What else took effect at that very moment comes before the guest is woken.
      return count > at.count()
          || count == at.count() && at.halted() && at.haltedNanos() <= core.virtualNanos();
    }
    if (halted) {
      // The guest waits for longer than the primary's did, or for nothing at all.
      long until = at.halted() ? at.haltedNanos() : next.virtualNanos();
      boolean passed =
          count > at.count() || !at.halted() && count == at.count() && next.workSinceAnchor() == 0;
      return passed || core.board().nextDeadlineNanos() > until;
    }
    boolean there =
        count == at.count()
            && (next.workSinceAnchor() == 0 || vcpu.workSinceAnchor() >= next.workSinceAnchor());
    return there || count > at.count() || isOverworked(next);
  }

  /** Whether the guest has done so much without coming there that it probably never will. */
  private boolean isOverworked(PlacedEntry next) {
    return worked && vcpu.work() - ownWork > 2 * Math.max(0, next.work() - theirWork) + WORK_SLACK;
  }

  private void advanceTowards(PlacedEntry next) {
    if (core.runner().halted()) {
      if (!core.runner().wake()) {
        core.fireNextTimer();
      }
      return;
    }
    Moment at = next.entry().at();
    long count = vcpu.branchCount();
    boolean within = count == at.count() && next.workSinceAnchor() > 0;
    vcpu.limitWork(within ? next.workSinceAnchor() : Long.MAX_VALUE);
    core.names().run(Math.max(count + 1, at.count()));
    vcpu.limitWork(Long.MAX_VALUE);
  }

  // ---- letting it take effect

  private @Nullable MachineEnd take(PlacedEntry next) throws InterruptedException {
    LogEntry entry = next.entry();
    if (entry instanceof LogEntry.EndOfLog it) {
      return end(next, it);
    }
    boolean off = core.runner().endReason() != null;
    switch (entry) {
      case LogEntry.OutputEntry it -> outputs.expect(core.nextSequence(), next);
      case LogEntry.Input it -> {
        if (off) {
          // It is off: what the primary says from here on decides whether that is wrong.
          break;
        }
        keepTime(next);
        if (!apply(it, next)) {
          waitForGuest(next);
          return null;
        }
      }
      case LogEntry.ProgressMark it -> {
        if (!off) {
          keepTime(next);
        }
      }
      case LogEntry.DigestEntry it -> {}
      case LogEntry.CheckpointMark it -> {}
      case LogEntry.UncertainFrom it -> {}
      case LogEntry.EndOfLog it -> {}
    }
    taken(next);
    return null;
  }

  private void taken(PlacedEntry next) {
    waitsSinceNanos = 0;
    worked = true;
    theirWork = next.work();
    ownWork = vcpu.work();
    takenNanos = Math.max(takenNanos, next.virtualNanos());
    source.advance();
    if (!(next.entry() instanceof LogEntry.ProgressMark)) {
      core.takeSequence();
    }
  }

  /** Makes virtual time what the primary's was there, unless it is later already; timers that are due by then fire. */
  private void keepTime(PlacedEntry next) {
    Moment at = next.entry().at();
    long until = at.halted() ? at.haltedNanos() : next.virtualNanos();
    long behind = until - core.virtualNanos();
    if (behind <= 0) {
      return;
    }
    if (core.runner().halted()) {
      core.idleUntil(until);
    } else {
      core.clock().adjust(vcpu.branchCount(), behind, core.clock().pace());
      core.runner().settle();
    }
  }

  /** Lets an input take effect here; false if the guest cannot take it yet. */
  private boolean apply(LogEntry.Input entry, PlacedEntry next) {
    switch (entry) {
      case LogEntry.ConsoleInput it -> {
        if (core.board().consoleRoom(it.device()) < it.bytes().length) {
          return false;
        }
      }
      case LogEntry.ClockEntry it -> {
        if (next.workSinceAnchor() > 0) {
          open();
        }
        long ahead = Math.max(0, core.virtualNanos() - next.virtualNanos());
        core.apply(
            new LogEntry.ClockEntry(core.moment(), Math.max(0, it.stepNanos() - ahead), it.pace()));
        return true;
      }
      case LogEntry.DiskCompletion it -> {
        if (completions.wasDone(it)) {
          return true;
        }
        DiskRequest request = core.request(it);
        if (request == null || !request.isExecuted()) {
          return false;
        }
      }
      case LogEntry.EntropyInput it -> {
        if (core.board().entropyWanted() != it.bytes().length) {
          return false;
        }
      }
      case LogEntry.NetworkInput it -> {
        if (core.board().fittingFrames(it.frames()) < it.frames().length) {
          return false;
        }
      }
      case LogEntry.ControlInput it -> {
        if (it.control() == LogEntry.Control.NETWORK_ANNOUNCE
            && !core.board().canAnnounceNetwork()) {
          return false;
        }
      }
    }
    if (next.workSinceAnchor() > 0 || !vcpu.isAtAnchor()) {
      open();
    }
    core.apply(entry);
    return true;
  }

  /** The guest is to be interruptible where it stands, though it makes no exit there: perhaps a little further on. */
  private void open() {
    for (int i = 0; i < OPENINGS && !vcpu.isAtAnchor() && !vcpu.isOpen(); i++) {
      vcpu.limitWork(vcpu.workSinceAnchor() + OPENING_WORK);
      core.names().run(vcpu.branchCount() + 1);
      if (core.runner().halted() || core.runner().endReason() != null) {
        break;
      }
    }
    vcpu.limitWork(Long.MAX_VALUE);
    if (!core.runner().halted() && core.runner().endReason() == null) {
      vcpu.makeDo();
    }
  }

  /** The guest is not where it could take what is due: it runs on, no further than the primary has come, for a while. */
  private void waitForGuest(PlacedEntry next) throws InterruptedException {
    long now = System.nanoTime();
    if (waitsSinceNanos == 0) {
      waitsSinceNanos = now;
      waitsSinceHorizon = source.horizonNanos();
    }
    boolean ownDisk =
        next.entry() instanceof LogEntry.DiskCompletion it && core.request(it) != null;
    if (!ownDisk
        && (now - waitsSinceNanos > 4 * INPUT_WAIT_NANOS
            || now - waitsSinceNanos > INPUT_WAIT_NANOS
                && source.horizonNanos() - waitsSinceHorizon > INPUT_WAIT_NANOS)) {
      throw diverged(
          next.entry(),
          "what the guest can take",
          next.entry().getClass().getSimpleName(),
          "nothing of the kind for a second");
    }
    if (core.runner().halted()) {
      if (core.runner().wake()) {
        return;
      }
      if (!ownDisk && core.board().nextDeadlineNanos() <= source.horizonNanos()) {
        core.fireNextTimer();
        return;
      }
      mailbox.await(LOOK_NANOS);
      return;
    }
    core.names().run(vcpu.branchCount() + 1);
  }

  /** The primary's guest has ended: this one's should by itself, if that one's did. */
  private @Nullable MachineEnd end(PlacedEntry next, LogEntry.EndOfLog entry)
      throws InterruptedException {
    EndReason here = core.runner().endReason();
    if (entry.reason().byGuest() && here == null) {
      if (entry.reason() == EndReason.HALTED_FOR_EVER
          && core.runner().halted()
          && !core.runner().wakeable()) {
        core.runner().haltedForEver();
        return null;
      }
      waitForGuest(next);
      return null;
    }
    if (entry.reason().byGuest() && here != entry.reason()) {
      throw diverged(entry, "the end", entry.reason().name(), String.valueOf(here));
    }
    if (!outputs.isEmpty()) {
      // Whatever it was to put out it has: only the bound of that wait is left.
      mailbox.await(LOOK_NANOS);
      return null;
    }
    core.board().disks().sync();
    MachineEnd end = core.end(entry.reason(), entry.reason().byGuest(), false);
    taken(next);
    return end;
  }

  private VmmException diverged(
      @Nullable LogEntry entry, String field, String recorded, String found) {
    outputs.handBack();
    vcpu.limitWork(Long.MAX_VALUE);
    return new DivergenceException(core.moment(), entry, field, recorded, found);
  }

  /** Disk requests that this machine completes of its own accord: the primary's guest has perhaps not made them. */
  static final class OwnCompletions {
    /** How long a request that is executed waits for the log's word, of the primary's virtual time. */
    private static final long LATE_NANOS = 200_000_000;

    private final MachineCore core;
    private final Set<Long> done = new HashSet<>();
    private long oldest = -1;
    private long oldestSince;

    OwnCompletions(MachineCore core) {
      this.core = core;
    }

    boolean wasDone(LogEntry.DiskCompletion entry) {
      return done.remove(key(entry.device(), entry.request()));
    }

    void complete(long nowNanos) {
      DiskSet disks = core.board().disks();
      for (int i = 0; i < disks.count(); i++) {
        DiskRequest first = disks.firstExecuted(i);
        if (first == null) {
          continue;
        }
        long key = key(DeviceIndexes.FIRST_DISK + i, first.id());
        if (key != oldest) {
          oldest = key;
          oldestSince = nowNanos;
        } else if (nowNanos - oldestSince > LATE_NANOS) {
          DiskStatus status = first.status();
          core.apply(
              new LogEntry.DiskCompletion(
                  core.moment(),
                  DeviceIndexes.FIRST_DISK + i,
                  first.id(),
                  status == null ? 0 : status.ordinal()));
          done.add(key);
        }
        return;
      }
    }

    private static long key(int device, long request) {
      return (long) device << 56 ^ request;
    }
  }
}
