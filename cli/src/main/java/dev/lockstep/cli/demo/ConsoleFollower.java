package dev.lockstep.cli.demo;

import dev.lockstep.ft.console.ConsoleClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The consumer outside: reads the console by offset from whichever replica serves it, and goes on at the other one where it was when a connection ends.
 */
final class ConsoleFollower implements AutoCloseable {
  private static final int CONNECT_TIMEOUT_MILLIS = 2_000;
  private static final int RETRY_MILLIS = 20;

  private final List<InetSocketAddress> replicas = new CopyOnWriteArrayList<>();
  private final ByteArrayOutputStream seen = new ByteArrayOutputStream();
  private final WorkloadCheck check;
  private final Thread thread;
  private long offset;
  private long lastByteNanos;
  private long watchedSinceNanos = -1;
  private long firstByteAfterNanos = -1;
  private boolean closed;
  private @Nullable ConsoleClient connection;

  ConsoleFollower(InetSocketAddress first, WorkloadCheck check) {
    this.replicas.add(first);
    this.check = check;
    this.thread = Thread.ofVirtual().name("console-follower").start(this::follow);
  }

  /** One more replica that may serve the console. */
  void add(InetSocketAddress replica) {
    replicas.add(replica);
  }

  /**
   * Compares what was seen so far with what a replica says was put out.
   *
   * @return how many bytes were compared
   * @throws DemoException if they differ
   * @throws IOException if the replica does not answer
   */
  int compareWith(InetSocketAddress replica) throws IOException {
    byte[] mine;
    synchronized (this) {
      mine = seen.toByteArray();
    }
    try (ConsoleClient client = ConsoleClient.connectOldest(replica, CONNECT_TIMEOUT_MILLIS)) {
      int from = (int) client.offset();
      byte[] buffer = new byte[8192];
      for (int at = from; at < mine.length; ) {
        int n = client.read(buffer);
        if (n < 0) {
          throw new IOException("the console ends at byte " + at);
        }
        for (int i = 0; i < n && at < mine.length; i++, at++) {
          if (buffer[i] != mine[at]) {
            throw new DemoException(
                "console byte %d was %02x and is %02x now".formatted(at, mine[at], buffer[i]));
          }
        }
      }
      return mine.length - from;
    }
  }

  private void follow() {
    for (int next = 0; ; next = (next + 1) % replicas.size()) {
      try (ConsoleClient client =
          ConsoleClient.connect(replicas.get(next), position(), CONNECT_TIMEOUT_MILLIS)) {
        if (!use(client)) {
          return;
        }
        byte[] buffer = new byte[8192];
        for (int n = client.read(buffer); n > 0; n = client.read(buffer)) {
          take(buffer, n);
        }
      } catch (IOException e) {
        // Nobody serves there now: the other one, then this one again.
      }
      if (!pause()) {
        return;
      }
    }
  }

  private synchronized boolean use(ConsoleClient client) {
    connection = client;
    return !closed;
  }

  private synchronized long position() {
    return offset;
  }

  private synchronized void take(byte[] buffer, int length) {
    lastByteNanos = System.nanoTime();
    if (watchedSinceNanos >= 0 && firstByteAfterNanos < 0) {
      firstByteAfterNanos = lastByteNanos;
    }
    offset += length;
    seen.write(buffer, 0, length);
    check.accept(buffer, 0, length);
    notifyAll();
  }

  private synchronized boolean pause() {
    try {
      if (!closed) {
        wait(RETRY_MILLIS);
      }
    } catch (InterruptedException e) {
      closed = true;
    }
    return !closed;
  }

  /**
   * From now on, where a survivor is known to be live, the first byte is timed: what came since the kill until now may have left its primary before.
   *
   * @param killedNanos when the primary was killed
   */
  synchronized void watch(long killedNanos) {
    watchedSinceNanos = killedNanos;
    firstByteAfterNanos = -1;
  }

  /** Milliseconds from the kill to the first byte after {@link #watch}, or -1. */
  synchronized long gapMillis() {
    return firstByteAfterNanos < 0 ? -1 : (firstByteAfterNanos - watchedSinceNanos) / 1_000_000;
  }

  /** Waits until a number of lines has come; false if it takes too long. */
  synchronized boolean awaitLines(int lines, long timeoutMillis) throws InterruptedException {
    return await(() -> check.lines() >= lines, timeoutMillis);
  }

  /** Waits for the guest's session; false if it takes too long. */
  synchronized boolean awaitReady(long timeoutMillis) throws InterruptedException {
    return await(check::ready, timeoutMillis);
  }

  /** Waits for the workload's end; false if it takes too long. */
  synchronized boolean awaitDone(long timeoutMillis) throws InterruptedException {
    return await(check::done, timeoutMillis);
  }

  private synchronized boolean await(BooleanSupplier condition, long timeoutMillis)
      throws InterruptedException {
    long deadline = System.nanoTime() + timeoutMillis * 1_000_000;
    while (!condition.getAsBoolean()) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return false;
      }
      wait(left);
    }
    return true;
  }

  /** Lines so far. */
  synchronized int lines() {
    return check.lines();
  }

  @Override
  public void close() {
    ConsoleClient open;
    synchronized (this) {
      closed = true;
      open = connection;
      notifyAll();
    }
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        // It is gone either way.
      }
    }
    thread.interrupt();
  }
}
