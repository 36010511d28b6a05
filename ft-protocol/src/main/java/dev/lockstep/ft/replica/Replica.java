package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.ArbiterUnavailableException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.net.ArbiterProof;
import dev.lockstep.ft.net.Inviter;
import dev.lockstep.ft.net.ReplicationClient;
import dev.lockstep.ft.net.ReplicationServer;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.net.Offloads;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One process's part of a pair: a primary or a backup with its machine, joined to the other by TCP and to an arbiter. A backup that takes over becomes the
 * primary within the same object; one that is lost joins anew.
 *
 * <p>Every method may be called from any thread.
 */
public final class Replica implements AutoCloseable {
  /** A machine came to its end. */
  record MachineEnded(Machine machine, @Nullable MachineEnd end, @Nullable Throwable failure) {}

  /** Something failed on another thread that this replica cannot go on without. */
  record Failed(Throwable cause) {}

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int BATCH_INPUTS = 512;

  private final ReplicaListener listener;
  private final Host host;
  private final Arbiter arbiter;
  private final ReplicationServer server;
  private final CompletableFuture<ReplicaEnd> ended = new CompletableFuture<>();
  private final Thread thread;
  private final Links links;
  private volatile Driver driver;
  private volatile ReplicaStatus status;
  private @Nullable Inviter inviter;
  private volatile @Nullable ReplicationClient client;
  private @Nullable InetSocketAddress dialled;
  private String lastNote = "";
  private boolean done;
  private @Nullable ReplicaEnd end;

  /**
   * Powers a VM on, as its primary.
   *
   * @param outside takes what leaves the machine
   * @throws VmmException if the machine cannot be made, its disks may not be used, or the port is in use
   */
  public static Replica primary(
      MachineSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener) {
    DiskMarkers markers = new DiskMarkers(source.vmName(), source.writableImages());
    markers.requireStartable(source.forceDisks());
    long startEpoch = markers.nextEpoch();
    VmId vm = new VmId(source.vmName(), RANDOM.nextLong());
    Machine machine = source.create();
    try {
      return new Replica(
          source,
          settings,
          arbiter,
          outside,
          listener,
          host ->
              PrimaryDriver.powerOn(host, vm, newInstance(settings.name()), startEpoch, machine));
    } catch (RuntimeException e) {
      machine.close();
      throw e;
    }
  }

  /**
   * Joins a primary as its backup, as soon as there is one.
   *
   * @param outside takes what leaves the machine once this replica is the primary
   * @throws VmmException if the port is in use or a disk is another VM's
   */
  public static Replica backup(
      MachineSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener) {
    // A backup's image is overwritten by the primary's, so a stale one is welcome.
    new DiskMarkers(source.vmName(), source.writableImages()).requireOwn(source.forceDisks());
    return new Replica(
        source,
        settings,
        arbiter,
        outside,
        listener,
        host -> new BackupDriver(host, newInstance(settings.name())));
  }

  private Replica(
      MachineSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside,
      ReplicaListener listener,
      Function<Host, Driver> first) {
    this.listener = listener;
    host = new Host(this, source, settings, arbiter, outside);
    driver = first.apply(host);
    status = driver.status(0);
    this.arbiter = arbiter;
    links = new Links(this, host, proof(arbiter, settings.name()));
    server =
        new ReplicationServer(
            settings.listen(), links, links, settings.transport(), settings.tls());
    thread = Thread.ofPlatform().name("ft-" + settings.name()).start(this::live);
  }

  private static ArbiterProof proof(Arbiter arbiter, String name) {
    ArbiterProof made =
        new ArbiterProof("%.64s-%016x".formatted(name, RANDOM.nextLong()), RANDOM.nextLong());
    try {
      arbiter.publish(made.key(), made.nonce());
    } catch (ArbiterUnavailableException e) {
      throw new VmmException(
          "the arbiter (%s) cannot be reached: %s".formatted(arbiter.describe(), e.getMessage()),
          "A pair needs an arbiter to start with; see to it, or name another one.",
          e);
    }
    return made;
  }

  static ReplicaInstance newInstance(String name) {
    return new ReplicaInstance(name, RANDOM.nextLong());
  }

  // ---- what its owner uses

  /** Where it listens for its peer. */
  public InetSocketAddress listenAddress() {
    return server.address();
  }

  /** As of the last change, and at most a heartbeat interval old. */
  public ReplicaStatus status() {
    return status;
  }

  /** The machine's own status; null while there is no machine. */
  public @Nullable MachineStatus machineStatus() {
    Machine machine = driver.machine();
    return machine == null ? null : machine.status();
  }

  /**
   * Gives the guest an input, if this replica is the primary and its machine is live.
   *
   * @return false if it is not, or the queue of inputs is full
   */
  public boolean inject(MachineInput input) {
    Machine machine = driver.machine();
    if (status.role() != ReplicaStatus.Role.PRIMARY || machine == null) {
      return false;
    }
    try {
      return machine.inject(input);
    } catch (IllegalStateException e) {
      return false;
    }
  }

  /** What the guest's network driver does with frames in place of this host, as far as this replica's machine knows. */
  public Offloads networkOffloads() {
    Machine machine = driver.machine();
    return machine == null ? Offloads.NONE : machine.networkOffloads();
  }

  /** How long the guest may stand still while a backup joins. */
  public int maxPauseMillis() {
    return host.maxPauseMillis;
  }

  /** How long outputs have been held that left here. */
  public CommitLatency commitLatency() {
    return host.commitLatency;
  }

  /**
   * Pauses the machine, as {@link Machine#pause}. On a primary the guest stands still for both replicas; on a backup the replay does, and the primary sees it lag.
   *
   * @return exceptionally with {@link VmmException} if there is no machine, or it does not run
   */
  public CompletableFuture<Void> pause() {
    return host.holds.pause(driver.machine(), Holds.Holder.OPERATOR);
  }

  /** Lets a paused machine run on. */
  public void resume() {
    host.holds.resume(driver.machine(), Holds.Holder.OPERATOR);
  }

  /**
   * Lets the machine stand still, for a snapshot of it. One at a time.
   *
   * @throws VmmException if there is no machine, it does not run, or a backup is not in sync
   */
  public StandingReplica stand() throws InterruptedException {
    return StandingReplica.of(driver.machine(), host.holds, this::status);
  }

  /** Ends it in order: a primary stops its guest and tells the backup; a backup leaves. */
  public void stop() {
    host.inbox.put((LoopTask) (now -> driver.stop(now)));
  }

  /**
   * Moves the VM to its backup, without loss and without a re-boot. This replica waits to become the backup's backup.
   *
   * @return completes when the other replica has the next term and goes live, and this one is a backup; exceptionally with a {@link VmmException} if the VM is not protected or the backup does not take it,
   *     which names the state: the guest then goes on here, unless the arbiter says otherwise
   */
  public CompletableFuture<Void> failover() {
    return order(OperatorOrder.FAILOVER);
  }

  /**
   * Goes on without a backup, and takes none until {@link #protect}.
   *
   * @return completes when the backup will never go live; exceptionally with a {@link VmmException} that names the state if this replica does not run the VM
   */
  public CompletableFuture<Void> unprotect() {
    return order(OperatorOrder.UNPROTECT);
  }

  /**
   * Takes a backup, and asks a standby to be it, again and again until it is there or another one is named.
   *
   * @param standby where a replica waits
   * @param maxPauseMillis how long the guest may stand still while this backup and later ones join, at least 1; null: as before
   * @return completes when the VM is protected; exceptionally with a {@link VmmException} that names the state if the VM does not run here or has a backup, or if
   *     none has joined for half a minute; one is still welcome then
   */
  public CompletableFuture<Void> protect(
      InetSocketAddress standby, @Nullable Integer maxPauseMillis) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    submit(
        done,
        now -> {
          if (driver instanceof PrimaryDriver && isAlone()) {
            host.maxPauseMillis = Objects.requireNonNullElse(maxPauseMillis, host.maxPauseMillis);
            inviteFrom(standby);
          }
          driver.order(now, OperatorOrder.PROTECT, done);
        });
    return done;
  }

  private CompletableFuture<Void> order(OperatorOrder order) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    submit(done, now -> driver.order(now, order, done));
    return done;
  }

  /** In a turn; if there is none any more, the future fails. */
  private void submit(CompletableFuture<Void> done, LoopTask task) {
    host.inbox.put(task);
    ended.whenComplete((end, failure) ->
        done.completeExceptionally(
            new VmmException(
                "the replica has ended", "Ask the other replica, or start this one again.")));
  }

  /** How it ended; exceptionally with what made it fail. Always the same one, since whoever looks does so for as long as it lives: who bounds his waiting bounds a copy. */
  public CompletableFuture<ReplicaEnd> ended() {
    return ended;
  }

  /** Drops everything at once, as a crash would, but for this process. */
  @Override
  public void close() {
    host.inbox.close();
    host.turns.end();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    ended.completeExceptionally(
        new VmmException("the replica was closed before its guest ended", "Start it again."));
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- what the drivers use, in a turn

  /** What it is at present. Any thread. */
  Driver driver() {
    return driver;
  }

  void sendToBackup(ReplicaInstance to, Message message) {
    server.send(to, message);
  }

  void sendToPrimary(Message message) {
    ReplicationClient now = client;
    if (now != null) {
      now.send(message);
    }
  }

  void redial(String why) {
    ReplicationClient now = client;
    if (now != null) {
      now.reset(why);
    }
  }

  void become(Driver next, long now) {
    // Where the primary was, a standby may wait one day: the old primary, after it has handed over.
    InetSocketAddress peer = host.settings.peer() == null ? dialled : host.settings.peer();
    if (driver instanceof BackupDriver && next instanceof PrimaryDriver) {
      hangUp();
    }
    driver = next;
    status = next.status(now);
    next.begin(now);
    if (peer != null && inviter == null && next instanceof PrimaryDriver) {
      inviteFrom(peer);
    }
  }

  void changed(ReplicaStatus next) {
    status = next;
    listener.changed(next);
  }

  /** Any thread. The same sentence is told once in a row. */
  void note(String sentence) {
    synchronized (this) {
      if (sentence.equals(lastNote)) {
        return;
      }
      lastNote = sentence;
    }
    listener.note(sentence);
  }

  void finish(ReplicaEnd how) {
    if (!done) {
      done = true;
      end = how;
    }
  }

  // ---- turns

  /** Something to do in a turn. */
  @FunctionalInterface
  interface LoopTask {
    void run(long now);
  }

  private void live() {
    Throwable failure = null;
    try {
      driver.begin(host.now());
      InetSocketAddress peer = host.settings.peer();
      if (peer != null) {
        if (driver instanceof PrimaryDriver) {
          inviteFrom(peer);
        } else {
          dial(peer);
        }
      }
      if (!done) {
        host.turns.takeUntilOver();
      }
    } catch (Throwable e) {
      // Whatever it was ends this replica and is told to its owner; the process lives on.
      failure = e;
    }
    try {
      // Whoever hears of the end finds on the disks what they are.
      host.awaitMarks();
      if (failure != null) {
        ended.completeExceptionally(failure);
      } else if (end != null) {
        ended.complete(end);
      }
    } finally {
      release();
    }
  }

  /** What its turns are. */
  Turns.Work work() {
    return new Turns.Work() {
      @Override
      public boolean turn() {
        takeTurn();
        return !done;
      }

      @Override
      public boolean hasCome() {
        return host.inbox.hasItems();
      }

      @Override
      public long dueNanos() {
        return driver.nextTickNanos();
      }
    };
  }

  private void takeTurn() {
    Object item = host.inbox.poll();
    for (int n = 0; item != null && n < BATCH_INPUTS && !done; n++) {
      dispatch(host.now(), item);
      item = n + 1 < BATCH_INPUTS ? host.inbox.poll() : null;
    }
    if (!done) {
      long now = host.now();
      driver.tick(now);
      status = driver.status(now);
    }
  }

  private void dispatch(long now, Object item) {
    switch (item) {
      case LoopTask task -> task.run(now);
      case MachineEnded it -> driver.machineEnded(now, it.machine(), it.end(), it.failure());
      case Failed it -> throw PrimaryDriver.rethrown(it.cause());
      default -> driver.input(now, item);
    }
  }

  /** Follows the primary there. */
  void dial(InetSocketAddress primary) {
    if (client != null && primary.equals(dialled)) {
      return;
    }
    hangUp();
    dialled = primary;
    client =
        new ReplicationClient(
            primary, links::self, arbiter, links, host.settings.transport(), host.settings.tls());
  }

  void hangUp() {
    ReplicationClient before = client;
    client = null;
    dialled = null;
    if (before != null) {
      // A peer that is frozen hears nothing for long, and a guest may wait to go live.
      before.hangUp();
      host.work(before::close);
    }
  }

  private void inviteFrom(InetSocketAddress waiting) {
    Inviter before = inviter;
    if (before != null) {
      before.close();
    }
    inviter =
        new Inviter(
            waiting,
            links::self,
            server.address().getPort(),
            this::wantsBackup,
            links,
            host.settings.transport(),
            host.settings.tls());
  }

  /** Whether this replica is a backup without a primary. */
  boolean waits() {
    ReplicaStatus now = status;
    return now.role() == ReplicaStatus.Role.BACKUP
        && (now.phase().equals("CONNECTING") || now.phase().equals("LOST"));
  }

  /** Whether this primary has no backup, and none on its way. */
  private boolean isAlone() {
    String phase = status.phase();
    return phase.equals("STARTING") || phase.equals("NOT_PROTECTED");
  }

  private boolean wantsBackup() {
    ReplicaStatus now = status;
    boolean unwanted = NotProtectedReason.USER_ACTION.name().equals(now.reason());
    return now.role() == ReplicaStatus.Role.PRIMARY && isAlone() && !unwanted;
  }

  private void release() {
    host.inbox.close();
    driver.close();
    Inviter inviting = inviter;
    if (inviting != null) {
      inviting.close();
    }
    hangUp();
    server.close();
    host.close();
  }
}
