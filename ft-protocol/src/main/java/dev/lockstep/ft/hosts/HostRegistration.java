package dev.lockstep.ft.hosts;

import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdSession;
import java.security.SecureRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** One process's entry in the table: a key with a lease, written when there is news and renewed in between. The session is kept while it works and opened anew after a failure. */
public final class HostRegistration implements AutoCloseable {
  /** The entry vanishes so long after the process. */
  static final int LEASE_SECONDS = 10;

  private static final long RENEWAL_MILLIS = 2_500;
  private static final SecureRandom RANDOM = new SecureRandom();

  /** What is registered now. */
  private record Standing(long lease, HostReport told) {}

  private final EtcdCluster cluster;
  private final JsonMapper mapper;
  private final Supplier<HostReport> report;
  private final Consumer<String> notes;
  private final String process = "%016x".formatted(RANDOM.nextLong());
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private @Nullable EtcdSession session;
  private @Nullable Standing standing;
  private boolean away;

  HostRegistration(
      EtcdCluster cluster, JsonMapper mapper, Supplier<HostReport> report, Consumer<String> notes) {
    this.cluster = cluster;
    this.mapper = mapper;
    this.report = report;
    this.notes = notes;
    thread = Thread.ofPlatform().daemon().name("ft-register").start(this::work);
  }

  private void work() {
    try {
      do {
        turn();
      } while (!closing.await(RENEWAL_MILLIS, TimeUnit.MILLISECONDS));
      leave();
    } catch (InterruptedException e) {
      // The table forgets this process when the lease has run out.
    } finally {
      closeSession();
    }
  }

  private void turn() {
    EtcdSession open = session == null ? cluster.open() : session;
    session = open;
    try {
      standing = renewed(open, standing);
      if (away) {
        away = false;
        notes.accept("the registry of hosts answers again");
      }
    } catch (EtcdException e) {
      closeSession();
      if (!away) {
        away = true;
        notes.accept("this host is not in the registry at present: " + e.getMessage());
      }
    }
  }

  private Standing renewed(EtcdSession open, @Nullable Standing before) throws EtcdException {
    HostReport now = report.get();
    boolean held = before != null && open.renew(before.lease());
    if (before != null && held && !now.isNews(before.told())) {
      return before;
    }
    // A lease that is not known to be held is given up for a new one; it runs out by itself.
    long lease = before != null && held ? before.lease() : open.grant(LEASE_SECONDS);
    open.write(key(now), mapper.writeValueAsString(now), lease);
    return new Standing(lease, now);
  }

  private String key(HostReport report) {
    return cluster.key("hosts/%s/%s".formatted(report.host(), process));
  }

  private void leave() {
    Standing last = standing;
    EtcdSession open = session;
    if (last != null && open != null) {
      try {
        open.revoke(last.lease());
      } catch (EtcdException e) {
        // It runs out by itself.
      }
    }
  }

  private void closeSession() {
    EtcdSession open = session;
    session = null;
    if (open != null) {
      open.close();
    }
  }

  /** Takes the entry out of the table, if etcd answers in time, and closes every connection. */
  @Override
  public void close() {
    closing.countDown();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
        thread.interrupt();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
