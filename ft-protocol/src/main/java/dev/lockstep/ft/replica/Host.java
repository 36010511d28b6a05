package dev.lockstep.ft.replica;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.ArbiterUnavailableException;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.kvm.ThreadPriority;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.machine.Machine;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** What the drivers of one replica share: its parts, its threads for work that may wait, and the way to tell its owner. */
final class Host {
  private static final long CLOSE_SECONDS = 5;

  final MachineSource source;
  final ReplicaSettings settings;
  final OutputSink outside;
  final Turns turns;
  final Inbox inbox;
  final CommitLatency commitLatency = new CommitLatency();
  final Holds holds = new Holds();

  /** How long the guest may stand still for a checkpoint. Set in a turn. */
  volatile int maxPauseMillis;

  private final long originNanos = System.nanoTime() - 1;
  private volatile int protocolVersion;
  private final Arbiter arbiter;
  private final Replica replica;
  private final AtomicBoolean claiming = new AtomicBoolean();
  private final ExecutorService workers = Executors.newFixedThreadPool(2, ordinary("ft-worker"));
  private final DiskMarkers markers;
  private final ExecutorService marking = Executors.newSingleThreadExecutor(daemon("ft-markers"));
  private final ExecutorService claims = Executors.newSingleThreadExecutor(daemon("ft-arbiter"));

  Host(
      Replica replica,
      MachineSource source,
      ReplicaSettings settings,
      Arbiter arbiter,
      OutputSink outside) {
    this.replica = replica;
    turns = new Turns(replica.work(), this::now);
    inbox = new Inbox(turns::wake);
    this.source = source;
    this.settings = settings;
    maxPauseMillis = settings.maxPauseMillis();
    this.arbiter = arbiter;
    this.outside = outside;
    markers = new DiskMarkers(source.vmName(), source.writableImages());
  }

  /** The time that the cores live in, from 1 on. Any thread. */
  long now() {
    return System.nanoTime() - originNanos;
  }

  /** A moment of the cores as {@link System#nanoTime} tells it; what never comes stays {@link Long#MAX_VALUE}. */
  long systemNanos(long moment) {
    return moment == Long.MAX_VALUE ? moment : moment + originNanos;
  }

  private static ThreadFactory daemon(String name) {
    return task -> Thread.ofPlatform().daemon().name(name).unstarted(task);
  }

  /** For work that may be long, such as copying a machine: heartbeats go before it. */
  private static ThreadFactory ordinary(String name) {
    return task ->
        Thread.ofPlatform()
            .daemon()
            .name(name)
            .unstarted(() -> {
              ThreadPriority.makeOrdinary();
              task.run();
            });
  }

  /** Does something that may take long on a worker. It must report by the inbox. */
  void work(Runnable task) {
    workers.execute(task);
  }

  /**
   * Puts on record how good the images are, in the order of the calls. Does not wait: until a write is durable a busy disk may take a second, in which nobody would hear of this replica. If one fails the replica ends.
   *
   * @return done when it is durable
   */
  CompletableFuture<Void> mark(DiskMarker.State state, long epoch) {
    CompletableFuture<Void> durable =
        CompletableFuture.runAsync(() -> markers.write(state, epoch), marking);
    durable.whenComplete((done, failure) -> {
      if (failure != null) {
        inbox.put(new Replica.Failed(failure));
      }
    });
    return durable;
  }

  /** As {@link #mark}, and waits: for what must be on record before anything leaves, so that no older image can be taken for the better one. */
  void markNow(DiskMarker.State state, long epoch) {
    try {
      mark(state, epoch).join();
    } catch (CompletionException e) {
      throw PrimaryDriver.rethrown(e);
    }
  }

  /** Waits until what was put on record before is durable, but not for ever: a disk may hang. */
  void awaitMarks() {
    try {
      CompletableFuture.runAsync(() -> {}, marking).get(CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException | ExecutionException e) {
      note("how good the images are could not be put on record in %d s".formatted(CLOSE_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Asks the arbiter, unless it is being asked already; tells the answer, if there is one, on a thread of its own. */
  void claim(DecisionName name, ReplicaInstance candidate, Consumer<ReplicaInstance> answer) {
    if (claiming.compareAndSet(false, true)) {
      claims.execute(() -> {
        try {
          answer.accept(arbiter.claim(name, candidate));
        } catch (ArbiterUnavailableException e) {
          note("the arbiter cannot be reached, so nobody goes on yet: " + e.getMessage());
        } finally {
          claiming.set(false);
        }
      });
    }
  }

  /** There is a link to that peer: the two speak what both can. */
  void linked(PeerIdentity peer) {
    protocolVersion = settings.protocol().common(peer.versions());
    if (!settings.protocol().equals(peer.versions())) {
      note(
          "%s speaks %s of the protocol (Lockstep %s), this replica %s (Lockstep %s): the pair speaks version %d"
              .formatted(
                  peer.instance().name(),
                  peer.versions(),
                  peer.programVersion(),
                  settings.protocol(),
                  settings.programVersion(),
                  protocolVersion));
    }
  }

  /** The version of the protocol that the last link has spoken; 0 before the first. Any thread. */
  int protocolVersion() {
    return protocolVersion;
  }

  /** From a primary to a backup. */
  void send(ReplicaInstance to, Message message) {
    replica.sendToBackup(to, message);
  }

  /** From a backup to its primary. */
  void send(Message message) {
    replica.sendToPrimary(message);
  }

  /** The present link is of no more use to a backup; it dials anew. */
  void redial(String why) {
    replica.redial(why);
  }

  /** From now on that driver is the replica. */
  void become(Driver next, long now) {
    replica.become(next, now);
  }

  void changed(ReplicaStatus status) {
    replica.changed(status);
  }

  void note(String sentence) {
    replica.note(sentence);
  }

  /** The replica has come to its end, in order. */
  void finish(ReplicaEnd end) {
    replica.finish(end);
  }

  /** Lets the machine's end be told to whoever drives it then. */
  void watch(Machine machine) {
    machine
        .ended()
        .whenComplete((end, failure) -> inbox.put(new Replica.MachineEnded(machine, end, failure)));
  }

  /** Waits for what is under way, but not for ever: an arbiter or a disk may hang. */
  void close() {
    workers.shutdown();
    marking.shutdown();
    claims.shutdown();
    try {
      boolean done =
          workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)
              && marking.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)
              && claims.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
      if (!done) {
        note("this replica closes although something it has begun is not done");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
