package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.ThreadPriority;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.net.Offloads;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** The machine: its vCPU thread, and the orders that other threads give it. */
final class PcMachine implements Machine {
  private static final int FULL_SPEED = 1000;

  /** A guest that was asked something is not to wait until another thread's slice of some milliseconds is over. */
  private static final long SLICE_NANOS = 250_000;

  /** How the machine came to where it stands. */
  enum Origin {
    LOADED,
    RESTORED
  }

  private final MachineParts parts;
  private final Origin origin;
  private final MachineCore core;
  private final Mailbox mailbox;
  private final CompletableFuture<MachineEnd> ended = new CompletableFuture<>();

  /** Held while the machine is looked at without a thread, and around every change of {@link #thread} and its end. */
  private final Object lifecycle = new Object();

  private @Nullable Thread thread;
  private volatile long beganUnixMillis;
  private boolean finished;
  private boolean closed;
  private boolean navigated;

  private volatile @Nullable Conductor conductor;
  private final StatusBoard status = new StatusBoard();
  private volatile int speedPermille = FULL_SPEED;

  // The vCPU thread's own.
  private final WrittenBlocks writtenBlocks;
  private @Nullable OutputGate gate;
  private volatile @Nullable Consumer<DivergenceException> whenDiverged;
  private Mailbox.Order.@Nullable GoLive goingLive;
  private boolean paused;
  private long pausedSinceNanos;
  private boolean killed;
  private boolean stopped;

  /**
   * @param written blocks of the disks that are not as they were at first
   */
  PcMachine(MachineCore core, MachineParts parts, Origin origin, WrittenBlocks written) {
    this.writtenBlocks = written;
    this.parts = parts;
    this.core = core;
    this.origin = origin;
    this.mailbox = new Mailbox(parts.vcpu()::kick);
    parts.board().disks().onExecuted(mailbox::signal);
    tell(MachineState.CREATED);
  }

  @Override
  public CompletableFuture<LogHeader> header(long epoch) {
    return atBoundary(boundary -> core.header(epoch));
  }

  @Override
  public void start(LogSink sink, OutputGate gate, long epoch) {
    launch(gate, () -> live(sink, gate, epoch));
  }

  @Override
  public void follow(LogSource source, OutputGate gate, MachineMode mode) {
    follow(source, gate, mode, null);
  }

  @Override
  public void follow(
      LogSource source, OutputGate gate, Consumer<DivergenceException> whenDiverged) {
    this.whenDiverged = whenDiverged;
    follow(source, gate, MachineMode.FOLLOW, null);
  }

  @Override
  public CompletableFuture<Void> resynchronise(CheckpointReader checkpoint, LogSource source) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    Runnable healing =
        () -> {
          try {
            heal(checkpoint, source);
            done.complete(null);
          } catch (Exception e) {
            done.completeExceptionally(e);
          }
        };
    order(new Mailbox.Order.Look(healing), done);
    return done;
  }

  @Override
  public CompletableFuture<Boolean> stand() {
    return atBoundary(boundary -> {
      boolean follows = conductor instanceof FreeFollowConductor;
      if (follows) {
        Conductor now = current();
        now.close();
        conductor = new StandingConductor(core, mailbox, now.epoch());
      }
      return follows;
    });
  }

  @Override
  public void replay(LogSource source, OutputGate gate, ReplayTarget until) {
    follow(source, gate, MachineMode.REPLAY, until);
  }

  private void follow(
      LogSource source, OutputGate gate, MachineMode mode, @Nullable ReplayTarget until) {
    synchronized (lifecycle) {
      requireNew();
      if (mode == MachineMode.LIVE) {
        throw new IllegalArgumentException("a live machine follows nobody");
      }
      requireFitting(source.header(), mode);
    }
    launch(gate, () -> following(source, gate, mode, until));
  }

  /** Who follows depends on what is followed: a log that says of its entries where they lie is followed freely. */
  private Conductor following(
      LogSource source, OutputGate gate, MachineMode mode, @Nullable ReplayTarget until) {
    return source instanceof FreeLogSource free
        ? new FreeFollowConductor(core, mailbox, free, gate)
        : new FollowConductor(core, mailbox, source, gate, mode, until);
  }

  @Override
  public ReplayCursor navigate(ReopenableLog log) {
    ReplayCursor cursor = new ReplayCursor(core, log);
    try {
      synchronized (lifecycle) {
        requireNew();
        requireFitting(cursor.header(), MachineMode.REPLAY);
        navigated = true;
      }
      if (origin == Origin.RESTORED) {
        core.board().disks().resubmit();
      }
      return cursor;
    } catch (RuntimeException e) {
      cursor.close();
      throw e;
    }
  }

  /** A machine that was restored stands somewhere in the log, so that only its configuration can be compared. */
  private void requireFitting(LogHeader log, MachineMode mode) {
    if (origin == Origin.RESTORED) {
      log.requireSameConfiguration(core.headerWithoutContent(log.epoch()));
    } else if (mode == MachineMode.REPLAY) {
      log.requireSame(core.header(log.epoch()));
    } else {
      log.requireSameMachine(core.headerWithoutContent(log.epoch()));
    }
  }

  private void launch(OutputGate gate, Supplier<Conductor> first) {
    synchronized (lifecycle) {
      requireNew();
      this.gate = gate;
      thread = Thread.ofPlatform().name("vcpu-" + core.spec().name()).start(() -> work(first));
    }
  }

  private void requireNew() {
    if (thread != null || closed || navigated) {
      throw new IllegalStateException("the machine was started already");
    }
  }

  @Override
  public CompletableFuture<Void> goLive(LogSink sink, long epoch) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    order(new Mailbox.Order.GoLive(sink, epoch, done), done);
    return done;
  }

  @Override
  public CompletableFuture<Void> pause() {
    CompletableFuture<Void> done = new CompletableFuture<>();
    order(new Mailbox.Order.Pause(done), done);
    return done;
  }

  @Override
  public void resume() {
    order(new Mailbox.Order.Resume(), null);
  }

  @Override
  public void stop() {
    order(new Mailbox.Order.Stop(), null);
  }

  @Override
  public void kill() {
    order(new Mailbox.Order.Kill(), null);
  }

  @Override
  public boolean inject(MachineInput input) {
    Conductor now = conductor;
    if (now != null && now.mode() != MachineMode.LIVE) {
      throw new IllegalStateException("only a live machine takes inputs");
    }
    if (input instanceof MachineInput.ConsoleBytes it && !Board.isConsole(it.device())) {
      throw new IllegalArgumentException("device %d is no console".formatted(it.device()));
    }
    return mailbox.offer(input);
  }

  @Override
  public <T> CompletableFuture<T> atBoundary(BoundaryTask<T> task) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Runnable look =
        () -> {
          try {
            result.complete(task.run(core));
          } catch (Exception e) {
            result.completeExceptionally(e);
          }
        };
    synchronized (lifecycle) {
      if (closed) {
        result.completeExceptionally(gone());
      } else if (thread == null || finished) {
        look.run();
      } else {
        mailbox.order(new Mailbox.Order.Look(look));
      }
    }
    return result;
  }

  @Override
  public CompletableFuture<SnapshotInfo> snapshot(Path file) {
    return atBoundary(
        boundary -> written(file, digest -> SnapshotFile.writeMappable(file, core, digest)));
  }

  @Override
  public CompletableFuture<Optional<SnapshotInfo>> checkpoint(LongFunction<Path> file) {
    return atBoundary(boundary -> {
      if (!core.names().isNamed() || core.runner().endReason() != null) {
        return Optional.empty();
      }
      List<BitSet> blocks = writtenBlocks.update(core.disks());
      Path place = file.apply(core.nextSequence());
      return Optional.of(
          written(
              place,
              digest ->
                  SnapshotFile.write(
                      place, out -> SnapshotFile.checkpoint(core, digest, blocks, out))));
    });
  }

  private SnapshotInfo written(Path file, ToLongFunction<MachineDigest> writing) {
    long started = System.nanoTime();
    MachineDigest digest = core.digest(false);
    long sequence = core.nextSequence();
    long bytes = writing.applyAsLong(digest);
    Conductor now = conductor;
    // Only this thread says that the run is over, or it is, and there is no log any more.
    if (now != null && !finished) {
      now.mark(digest);
    }
    return new SnapshotInfo(
        file,
        core.moment(),
        core.virtualNanos(),
        sequence,
        digest,
        bytes,
        System.nanoTime() - started);
  }

  @Override
  public void limitSpeed(int permille) {
    if (permille < 1 || permille > FULL_SPEED) {
      throw new IllegalArgumentException("speed of %d permille".formatted(permille));
    }
    speedPermille = permille;
    if (conductor instanceof LiveConductor live) {
      live.limitSpeed(permille);
    }
  }

  @Override
  public MachineStatus status() {
    return status.read(beganUnixMillis);
  }

  @Override
  public Offloads networkOffloads() {
    return core.board().networkOffloads();
  }

  @Override
  public CompletableFuture<MachineEnd> ended() {
    return ended;
  }

  @Override
  public void close() {
    Thread running;
    synchronized (lifecycle) {
      if (closed) {
        return;
      }
      closed = true;
      running = thread;
      if (running != null && !finished) {
        mailbox.order(new Mailbox.Order.Kill());
      }
    }
    if (running != null) {
      joined(running);
    }
    ended.completeExceptionally(gone());
    parts.close();
  }

  private static void joined(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Gives an order to the vCPU's thread; if there is none any more, the future fails. */
  private void order(Mailbox.Order order, @Nullable CompletableFuture<?> done) {
    synchronized (lifecycle) {
      if (thread != null && !finished && !closed) {
        mailbox.order(order);
      } else if (done != null) {
        done.completeExceptionally(gone());
      }
    }
  }

  private VmmException gone() {
    return new VmmException(
        "machine '%s' does not run".formatted(core.spec().name()), "Start it first, or again.");
  }

  // From here on: the vCPU's thread.

  private void work(Supplier<Conductor> first) {
    // The guest's work is endless: what keeps it alive goes before it.
    ThreadPriority.makeOrdinary();
    ThreadPriority.setSlice(SLICE_NANOS);
    MachineEnd end = null;
    Throwable failure = null;
    try {
      if (origin == Origin.RESTORED) {
        core.board().disks().resubmit();
      }
      Conductor now = first.get();
      conductor = now;
      if (origin == Origin.RESTORED && now instanceof LiveConductor live) {
        live.setWallClock(System.currentTimeMillis());
      }
      beganUnixMillis = System.currentTimeMillis();
      end = conduct();
      closeConductor();
    } catch (Throwable e) {
      // Whatever it was ends this machine and is told to its owner; other machines of the JVM live
      // on.
      failure = e instanceof KvmException it ? ofKvm(it) : e;
      closeConductorAfter(e);
    }
    core.vcpu().release();
    finish(end, failure);
  }

  private VmmException ofKvm(KvmException e) {
    return new VmmException(
        "machine '%s' cannot go on: %s".formatted(core.spec().name(), e.getMessage()),
        e.advice(),
        e);
  }

  private @Nullable MachineEnd conduct() throws InterruptedException {
    while (true) {
      if (!current().isBound() || mailbox.isKilled()) {
        obey();
      }
      Conductor now = current();
      if (killed) {
        return null;
      }
      if (stopped) {
        return now.stop();
      }
      if (paused) {
        tell(MachineState.PAUSED);
        mailbox.await(Long.MAX_VALUE);
        continue;
      }
      if (goingLive != null && now.readyForLife()) {
        switchToLive(goingLive);
        continue;
      }
      MachineEnd end;
      try {
        end = now.turn();
      } catch (DivergenceException e) {
        stand(now, e);
        continue;
      }
      tell(now.waiting() ? MachineState.WAITING : MachineState.RUNNING);
      if (end != null) {
        return end;
      }
    }
  }

  /** Where its replay diverged it stands, if somebody wants to make it equal again; else the divergence ends it. */
  private void stand(Conductor diverged, DivergenceException why) {
    Consumer<DivergenceException> listener = whenDiverged;
    if (listener == null) {
      throw why;
    }
    conductor = new StandingConductor(core, mailbox, diverged.epoch());
    listener.accept(why);
  }

  private void heal(CheckpointReader checkpoint, LogSource source) throws IOException {
    OutputGate current = gate;
    if (!(current() instanceof StandingConductor) || current == null) {
      throw new IllegalStateException("only a machine that has diverged is made equal again");
    }
    checkpoint.header().requireSameConfiguration(core.headerWithoutContent(0));
    core.board().disks().drain();
    core.runner().revive();
    core.board().forgetPowerRequest();
    CheckpointRestorer restorer = CheckpointRestorer.over(core);
    while (checkpoint.next(restorer)) {
      // to the end
    }
    core.board().disks().resubmit();
    conductor = following(source, current, MachineMode.FOLLOW, null);
  }

  private Conductor current() {
    Conductor now = conductor;
    if (now == null) {
      throw new IllegalStateException("the machine has no conductor");
    }
    return now;
  }

  private void obey() {
    Mailbox.Order order = mailbox.pollOrder();
    while (order != null) {
      switch (order) {
        case Mailbox.Order.Pause it -> {
          if (!paused) {
            paused = true;
            pausedSinceNanos = System.nanoTime();
          }
          it.done().complete(null);
        }
        case Mailbox.Order.Resume it -> {
          if (paused) {
            paused = false;
            current().resumed(System.nanoTime() - pausedSinceNanos);
          }
        }
        case Mailbox.Order.Stop it -> stopped = true;
        case Mailbox.Order.Kill it -> killed = true;
        case Mailbox.Order.Look it -> it.task().run();
        case Mailbox.Order.GoLive it -> goingLive = it;
      }
      order = mailbox.pollOrder();
    }
    if (goingLive != null && current() instanceof LiveConductor) {
      goingLive.done().completeExceptionally(new IllegalStateException("the machine is live"));
      goingLive = null;
    }
  }

  private void switchToLive(Mailbox.Order.GoLive order) {
    OutputGate current = gate;
    if (current == null) {
      throw new IllegalStateException("the machine has no gate");
    }
    current().close();
    current.goLive();
    LiveConductor live = live(order.sink(), current, order.epoch());
    conductor = live;
    live.setWallClock(System.currentTimeMillis());
    live.announceNetwork();
    goingLive = null;
    order.done().complete(null);
  }

  private LiveConductor live(LogSink sink, OutputGate gate, long epoch) {
    LiveConductor live = new LiveConductor(core, mailbox, sink, gate, epoch);
    live.limitSpeed(speedPermille);
    return live;
  }

  private void closeConductor() {
    Conductor last = conductor;
    if (last != null) {
      last.close();
    }
  }

  private void closeConductorAfter(Throwable failure) {
    try {
      closeConductor();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private void finish(@Nullable MachineEnd end, @Nullable Throwable failure) {
    synchronized (lifecycle) {
      finished = true;
      tell(end != null ? MachineState.ENDED : MachineState.FAILED);
    }
    Mailbox.Order.GoLive going = goingLive;
    if (going != null) {
      going.done().completeExceptionally(gone());
    }
    for (Mailbox.Order order = mailbox.pollOrder(); order != null; order = mailbox.pollOrder()) {
      switch (order) {
        case Mailbox.Order.Pause it -> it.done().completeExceptionally(gone());
        case Mailbox.Order.GoLive it -> it.done().completeExceptionally(gone());
        case Mailbox.Order.Look it -> it.task().run();
        case Mailbox.Order.Resume it -> {}
        case Mailbox.Order.Stop it -> {}
        case Mailbox.Order.Kill it -> {}
      }
    }
    if (end != null) {
      ended.complete(end);
    } else if (failure != null) {
      ended.completeExceptionally(failure);
    } else {
      ended.completeExceptionally(
          new VmmException(
              "machine '%s' was killed".formatted(core.spec().name()), "Start it again."));
    }
  }

  private void tell(MachineState state) {
    Conductor now = conductor;
    if (now == null) {
      status.tell(state, core, MachineMode.LIVE, 0, 0);
    } else {
      status.tell(state, core, now.mode(), now.epoch(), now.behindNanos());
    }
  }
}
