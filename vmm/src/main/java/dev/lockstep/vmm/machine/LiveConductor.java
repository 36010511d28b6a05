package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.device.TimedDevice;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.time.Pacer;
import dev.lockstep.vmm.time.VirtualClock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A live machine: takes inputs from the mailbox, writes every entry to the sink before it takes effect, and keeps virtual
 * time near the host's.
 *
 * <p>A vCPU may come back where no other execution can be led to ({@link NamedBoundaries}), when there was no better place for
 * a while. If something is due then, the guest gets it there, and the log says that it is certain up to the last moment that
 * has a name and no further. So it does if a timer fired late.
 */
final class LiveConductor implements Conductor {
  /** The longest wait because virtual time is ahead, or because the speed is limited. */
  private static final long MAX_WAIT_NANOS = 20_000_000;

  /** The shortest rest. */
  private static final long LEAST_REST_NANOS = 500_000;

  /** How often a sink that holds the guest is asked again. */
  private static final long HOLD_NANOS = 500_000;

  /** Nothing less is promised. */
  private static final long MIN_PROMISE_NANOS = 100_000;

  /** What a unit of an engine's own count stands for, when it measures work. */
  private static final long WORK_NANOS = VirtualClock.INITIAL_PACE / VirtualClock.ONE_NANO;

  private final MachineCore core;
  private final Mailbox mailbox;
  private final LogSink sink;
  private final OutputGate gate;
  private final long epoch;
  private final NamedBoundaries names;

  /** Whether the log goes to somebody who needs to know where an entry lies, if not just by its point. */
  private final boolean placing;

  /** Virtual time follows the host's, waiting for it if need be. */
  private final boolean paced;

  /** What virtual time follows if its host is too slow for its own: the work that the vCPU has done. */
  private final @Nullable LongSupplier work;

  private final Pacer pacer;
  private final WaitingInputs waiting;
  private long nextDigest;
  private long lastProgressNanos;

  /** Of a halted guest's virtual time: no input takes effect before it. */
  private long promisedNanos;

  /** The same of a running guest's branch count, unless it waits halted before. */
  private long promisedCount;

  private final MomentMark lastNamed = new MomentMark();
  private final MomentMark here = new MomentMark();
  private long overshoots;
  private boolean uncertain;
  private volatile int speedPermille = 1000;

  /** How long it has yet to rest for what it has run. */
  private long restNanos;

  private volatile long behindNanos;

  /** Begins a log at this boundary. */
  LiveConductor(MachineCore core, Mailbox mailbox, LogSink sink, OutputGate gate, long epoch) {
    this.core = core;
    this.mailbox = mailbox;
    this.sink = sink;
    this.gate = gate;
    this.epoch = epoch;
    this.names = core.names();
    this.placing = sink.wantsPlaces();
    this.paced = core.spec().pacing() == MachineSpec.Pacing.HOST;
    this.work = paced ? null : names.work();
    this.pacer = names.pacer();
    this.waiting = new WaitingInputs(core.board(), mailbox, sink::keepsWaiting, this::input);
    core.mark(lastNamed);
    this.overshoots = names.overshoots();
    // A frame does not wait for the next boundary that comes by itself.
    core.board().onFrameSent(core.vcpu()::kick);
    core.setNextSequence(0);
    sink.begin(() -> core.header(epoch));
    nextDigest = core.vcpu().branchCount() + core.spec().digestSpacing();
    anchor();
  }

  void limitSpeed(int permille) {
    speedPermille = permille;
  }

  @Override
  public MachineMode mode() {
    return MachineMode.LIVE;
  }

  @Override
  public long epoch() {
    return epoch;
  }

  @Override
  public long behindNanos() {
    return behindNanos;
  }

  @Override
  public void resumed(long pausedNanos) {
    anchor();
    stepWallClock(pausedNanos);
  }

  /** After a go-live or a restore: the guest's wall clock is set to the host's. */
  void setWallClock(long hostMillis) {
    stepWallClock(hostMillis * 1_000_000 - core.wallClockNanos() - core.virtualNanos());
  }

  /** A machine without pacing has a time of its own. */
  private void stepWallClock(long nanos) {
    if (paced) {
      if (isNameless()) {
        makeDo();
      }
      input(new LogEntry.ControlInput(core.moment(), LogEntry.Control.RTC_STEP, nanos));
      sink.settle();
    }
  }

  private void anchor() {
    pacer.anchor(now(), core.virtualNanos());
  }

  /** The time that virtual time is held against. */
  private long now() {
    LongSupplier it = work;
    return it == null ? System.nanoTime() : it.getAsLong() * WORK_NANOS;
  }

  /** Whether virtual time is held against another. */
  private boolean hasPace() {
    return paced || work != null;
  }

  @Override
  public @Nullable MachineEnd turn() throws InterruptedException {
    MachineEnd end = oneTurn();
    sink.settle();
    return end;
  }

  private @Nullable MachineEnd oneTurn() throws InterruptedException {
    boolean bound = isBound();
    // What was promised is kept first: it is over soon, and a backup may be there already.
    if (!bound && sink.held()) {
      mailbox.await(HOLD_NANOS);
      pacer.running(System.nanoTime(), core.vcpu().branchCount());
      return null;
    }
    if (isNameless()) {
      if (!isSomethingDue()) {
        runToBoundary();
        return null;
      }
      makeDo();
    }
    flushOutputs();
    EndReason ended = core.runner().endReason();
    if (ended != null) {
      return finish(ended, true);
    }
    if (bound) {
      core.runner().wake();
      runAndRest();
      return null;
    }
    promisedCount = 0;
    digest();
    core.mark(lastNamed);
    if (core.runner().halted()) {
      idle();
      return null;
    }
    if (waiting.any() || waiting.losesFrames()) {
      waiting.take(core.moment());
    }
    if (hasPace() && pace()) {
      return null;
    }
    if (!promise()) {
      progress(Moment.RUNNING, sink.runningProgressNanos());
    }
    runAndRest();
    return null;
  }

  private void runAndRest() throws InterruptedException {
    sink.settle();
    long started = System.nanoTime();
    runToBoundary();
    rest(System.nanoTime() - started);
  }

  @Override
  public boolean isBound() {
    return core.vcpu().branchCount() < promisedCount
        && core.runner().endReason() == null
        && !(core.runner().halted() && !wakes());
  }

  /** Whether a halted guest goes on at once. */
  private boolean wakes() {
    return core.board().interruptPending() && core.runner().wakeable();
  }

  /** Promises, if somebody wants it, that nothing happens to the guest from here on until it has come to its next boundary; false if nobody does. */
  private boolean promise() {
    if (placing || !sink.wantsPromises()) {
      return false;
    }
    long spacing = pacer.branchesIn(Math.max(sink.runningProgressNanos(), MIN_PROMISE_NANOS));
    promisedCount = countAhead(spacing);
    lastProgressNanos = System.nanoTime();
    sink.promise(core.moment(), promisedCount);
    return true;
  }

  /** Whether no other execution could be led to where the guest stands. */
  private boolean isNameless() {
    return !names.isNamed() && !core.runner().halted() && core.runner().endReason() == null;
  }

  /** Whether the guest is to be given here what waits for it, or others what waits of its outputs. */
  private boolean isSomethingDue() {
    return core.outputs().pendingStream() >= 0
        || names.isOpen()
            && (waiting.any()
                || core.board().interruptPending()
                || hasPace() && core.board().nextDeadlineNanos() <= pacer.virtualAt(now()));
  }

  /** Goes on from here as if the boundary had a name. */
  private void makeDo() {
    notCertain();
    names.makeDo();
  }

  /** Says in the log that it is certain up to the last moment that had a name. */
  private void notCertain() {
    if (!uncertain && !placing) {
      uncertain = true;
      append(new LogEntry.UncertainFrom(lastNamed.toMoment()));
    }
  }

  @Override
  public MachineEnd stop() {
    if (isNameless()) {
      notCertain();
    }
    flushOutputs();
    return finish(EndReason.STOPPED, false);
  }

  @Override
  public void mark(MachineDigest digest) {
    if (isNameless()) {
      // No replay could be led here to compare.
      return;
    }
    append(new LogEntry.CheckpointMark(core.moment(), core.nextSequence(), digest));
    sink.settle();
  }

  private MachineEnd finish(EndReason reason, boolean byGuest) {
    core.board().disks().sync();
    MachineEnd end = core.end(reason, byGuest, sink.wantsFinalDigest());
    append(new LogEntry.EndOfLog(end.at(), reason, end.exitCode(), end.digest()));
    sink.settle();
    sink.flush();
    return end;
  }

  @Override
  public void close() {
    sink.end();
  }

  private long append(LogEntry entry) {
    return append(entry, null);
  }

  /**
   * @param output what an output entry names
   */
  private long append(LogEntry entry, byte @Nullable [] output) {
    long sequence = core.takeSequence();
    if (placing) {
      sink.append(sequence, placed(entry, output));
    } else {
      sink.append(sequence, entry);
    }
    // It says itself how far the guest has come.
    lastProgressNanos = System.nanoTime();
    return sequence;
  }

  private PlacedEntry placed(LogEntry entry, byte @Nullable [] output) {
    return new PlacedEntry(
        entry, core.virtualNanos(), names.workDone(), names.workSinceNamed(), output);
  }

  private void input(LogEntry.Input entry) {
    append(entry);
    core.apply(entry);
  }

  private void flushOutputs() {
    OutputCollector outputs = core.outputs();
    int stream = outputs.pendingStream();
    if (stream < 0) {
      return;
    }
    Moment at = core.moment();
    for (; stream >= 0; stream = outputs.pendingStream()) {
      LogEntry.OutputEntry entry = outputs.entry(stream, at);
      byte[] bytes = outputs.take(entry);
      long sequence = append(entry, bytes);
      gate.offer(new Output(sequence, entry, bytes));
    }
  }

  private void digest() {
    long count = core.vcpu().branchCount();
    if (count >= nextDigest) {
      nextDigest = count + core.spec().digestSpacing();
      append(new LogEntry.DigestEntry(core.moment(), core.registersDigest(), core.devicesDigest()));
    }
  }

  /** After a go-live: the guest is asked to tell its network where it is now. */
  void announceNetwork() {
    if (core.board().canAnnounceNetwork()) {
      input(new LogEntry.ControlInput(core.moment(), LogEntry.Control.NETWORK_ANNOUNCE, 0));
      sink.settle();
    }
  }

  /** Keeps virtual time near the host's; true if it waited, so that this boundary is to be looked at again. */
  private boolean pace() throws InterruptedException {
    long count = core.vcpu().branchCount();
    long now = now();
    long virtual = core.virtualNanos();
    behindNanos = pacer.virtualAt(now) - virtual;
    Pacer.Decision decision = pacer.decide(now, virtual, count, core.clock().pace());
    if (decision.lostNanos() > 0 && paced) {
      input(
          new LogEntry.ControlInput(
              core.moment(), LogEntry.Control.RTC_STEP, decision.lostNanos()));
    }
    if (decision.pace() > 0) {
      input(new LogEntry.ClockEntry(core.moment(), decision.stepNanos(), decision.pace()));
    }
    if (decision.waitNanos() == 0 || !paced) {
      return false;
    }
    sink.flush();
    sink.settle();
    mailbox.await(Math.min(decision.waitNanos(), MAX_WAIT_NANOS));
    pacer.running(System.nanoTime(), count);
    return true;
  }

  /** With limited speed: rests as long as it must after having run, but not for moments, each of which would cost more than it is long. */
  private void rest(long ranNanos) throws InterruptedException {
    int permille = speedPermille;
    if (permille == 1000) {
      restNanos = 0;
      return;
    }
    restNanos += ranNanos * (1000 - permille) / permille;
    if (restNanos >= LEAST_REST_NANOS) {
      sink.flush();
      mailbox.await(Math.min(restNanos, MAX_WAIT_NANOS));
      restNanos = 0;
      pacer.running(System.nanoTime(), core.vcpu().branchCount());
    }
  }

  /** The guest is halted: its next timer fires when its time has come, unless an input comes before. */
  private void idle() throws InterruptedException {
    if (wakes()) {
      wake();
      return;
    }
    if (!core.runner().wakeable()) {
      core.runner().haltedForEver();
      return;
    }
    long now = now();
    long deadline = core.board().nextDeadlineNanos();
    long virtual =
        paced ? Math.max(pacer.virtualAt(now), core.virtualNanos()) : core.virtualNanos();
    virtual = Math.max(virtual, promisedNanos);
    if (deadline <= virtual || (!paced && freeToJump(deadline))) {
      core.fireNextTimer();
      if (work != null) {
        anchor();
      }
      return;
    }
    if (waiting.any()) {
      waiting.take(new Moment(core.vcpu().point(), virtual));
      if (wakes() && !sink.held()) {
        // At once: what came and the promise that follows go together.
        wake();
      }
      return;
    }
    if (progress(virtual, sink.progressNanos())) {
      promisedNanos = virtual;
    }
    sink.settle();
    mailbox.await(idleNanos(deadline, now));
  }

  private void wake() {
    promise();
    core.runner().wake();
    sink.settle();
    run();
  }

  private void run() {
    pacer.running(System.nanoTime(), core.vcpu().branchCount());
    runToBoundary();
  }

  private void runToBoundary() {
    names.run(core.vcpu().branchCount() < promisedCount ? promisedCount : boundaryCount());
    if (names.overshoots() > overshoots) {
      overshoots = names.overshoots();
      notCertain();
    }
    if (core.runner().halted()) {
      core.mark(here);
      if (here.isSame(lastNamed)) {
        // It has halted here before, and not even a branch tells the two apart: time has to.
        core.idleUntil(core.virtualNanos() + 1);
      }
    }
  }

  /** The count of the next boundary, if nothing else makes one before. */
  private long boundaryCount() {
    long wanted = sink.runningProgressNanos();
    return countAhead(wanted > 0 ? pacer.boundaryBranches(wanted) : pacer.boundaryBranches());
  }

  private long countAhead(long branches) {
    long count = core.vcpu().branchCount();
    return Math.max(Math.min(count + branches, nextDigest), count + 1);
  }

  /** Without pacing an idle guest's time is free to jump, but not past what is on its way. */
  private boolean freeToJump(long deadline) {
    return deadline != TimedDevice.NO_DEADLINE && !waiting.any() && !core.board().disks().busy();
  }

  private long idleNanos(long deadline, long now) {
    long wait =
        deadline == TimedDevice.NO_DEADLINE || !paced
            ? Long.MAX_VALUE
            : Math.max(pacer.hostAt(deadline) - now, 0);
    long progressNanos = sink.progressNanos();
    return progressNanos > 0 ? Math.min(wait, progressNanos) : wait;
  }

  /** Promises, if it is time to, that no input takes effect before the moment here, with {@code haltedNanos} as in {@link Moment}. */
  private boolean progress(long haltedNanos, long interval) {
    sink.flush();
    if (interval == 0) {
      return false;
    }
    long now = System.nanoTime();
    if (now - lastProgressNanos < interval) {
      return false;
    }
    lastProgressNanos = now;
    Moment moment = new Moment(core.vcpu().point(), haltedNanos);
    if (placing) {
      sink.progress(placed(new LogEntry.ProgressMark(moment), null));
    } else {
      sink.progress(moment);
    }
    return true;
  }
}
