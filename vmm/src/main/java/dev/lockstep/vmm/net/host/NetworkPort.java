package dev.lockstep.vmm.net.host;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.OffloadHeader;
import dev.lockstep.vmm.net.Offloads;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Joins one machine's network interface to a backend. While it is not live it takes whatever comes from the network and loses it, so that nothing old waits when it becomes live,
 * and sends nothing. A backend that fails is opened again from time to time: until then the guest's frames are lost, as with a cable that is pulled.
 *
 * <p>Every method may be called from any thread.
 */
public final class NetworkPort implements AutoCloseable {
  /** Where frames that come from the network go. */
  @FunctionalInterface
  public interface Receiver {
    /**
     * Takes frames.
     *
     * @param packed as {@link Frames} packs them; not to be changed
     * @return false if it has no room for them now: they are offered again
     */
    boolean offer(byte[] packed);
  }

  private static final int POLL_MILLIS = 100;
  private static final int BATCH_BYTES = EntryEncoder.MAX_INPUT_BYTES;
  private static final long RETRY_NANOS = 200_000;
  private static final long REOPEN_NANOS = 1_000_000_000;
  private static final int ANNOUNCEMENTS = 4;
  private static final long ANNOUNCE_NANOS = 100_000_000;

  /** Less than a pair's backup waits before it takes over. */
  private static final long STANDSTILL_NANOS = 300_000_000;

  /** Enough for a process that went on after a standstill to learn that it is a replica no more. */
  private static final long SETTLE_NANOS = 2_000_000_000;

  private final Supplier<NetworkBackend> opener;
  private final MacAddress address;
  private final Receiver receiver;
  private final Supplier<Offloads> guestOffloads;
  private final Consumer<String> notes;
  private final Thread thread;
  private final AtomicLong sent = new AtomicLong();
  private final AtomicLong received = new AtomicLong();
  private final AtomicLong lost = new AtomicLong();
  private volatile @Nullable NetworkBackend backend;
  private volatile boolean live;
  private volatile int announcements;

  /** What the backend was told. The reading thread's. */
  private Offloads offloads = Offloads.NONE;

  private volatile boolean closed;

  /**
   * Opens the backend and begins to read from it.
   *
   * @param opener opens it, now and again after it has failed
   * @param address the guest's, which is announced when the port becomes live
   * @param receiver where frames go while the port is live
   * @param guestOffloads what the guest does with them in place of this host; asked again and again
   * @param notes told in one sentence that the network is gone, and that it is back
   * @throws VmmException if it cannot be opened
   */
  public NetworkPort(
      Supplier<NetworkBackend> opener,
      MacAddress address,
      Receiver receiver,
      Supplier<Offloads> guestOffloads,
      Consumer<String> notes) {
    this.opener = opener;
    this.address = address;
    this.receiver = receiver;
    this.guestOffloads = guestOffloads;
    this.notes = notes;
    backend = opener.get();
    thread = Thread.ofPlatform().daemon().name("network").start(this::work);
  }

  /** From now on frames go to and fro, and the network is told, several times, where the guest is. A port that is live stays so. */
  public void goLive() {
    if (!live) {
      live = true;
      announce();
      announcements = ANNOUNCEMENTS;
    }
  }

  /** From now on everything is lost until the port goes live again. */
  public void leave() {
    live = false;
  }

  /**
   * Tells bridges and switches by which way the guest is reached now: a request of its own for its address by RARP (RFC 903), which any of them learns from and no host answers.
   */
  private void announce() {
    NetworkBackend now = backend;
    byte[] frame = Rarp.request(address);
    send(Frames.pack(now != null && now.hasHeaders() ? OffloadHeader.before(frame) : frame));
  }

  /** Sends frames that have left the machine; while the port is not live they are lost. */
  public void send(byte[] packed) {
    NetworkBackend now = backend;
    for (int at = 0; at < packed.length; at = Frames.next(packed, at)) {
      boolean taken = false;
      if (now != null && live) {
        try {
          taken = now.send(packed, at + Frames.LENGTH_BYTES, Frames.lengthAt(packed, at));
        } catch (IOException e) {
          // The reading thread finds out, too, and tells.
        }
      }
      (taken ? sent : lost).incrementAndGet();
    }
  }

  /** Frames that have gone to the network. */
  public long sentFrames() {
    return sent.get();
  }

  /** Frames that have come from the network and were taken. */
  public long receivedFrames() {
    return received.get();
  }

  /** Frames of the guest's that the network did not take. */
  public long lostFrames() {
    return lost.get();
  }

  private void work() {
    long nextAnnouncement = System.nanoTime() + ANNOUNCE_NANOS;
    long due = System.nanoTime() + STANDSTILL_NANOS;
    while (!closed) {
      NetworkBackend now = backend;
      long turn = System.nanoTime();
      if (turn - due > 0) {
        // Perhaps the process was frozen, and the guest lives elsewhere since: the network must not
        // be told to look for it here.
        nextAnnouncement = turn + SETTLE_NANOS;
      }
      due = turn + STANDSTILL_NANOS + (now == null ? REOPEN_NANOS : 0);
      if (live && announcements > 0 && turn - nextAnnouncement >= 0) {
        // The first may have been lost.
        nextAnnouncement = turn + ANNOUNCE_NANOS;
        announcements--;
        announce();
      }
      if (now == null) {
        reopen();
        continue;
      }
      try {
        Offloads wanted = guestOffloads.get();
        if (!wanted.equals(offloads)) {
          now.offload(wanted);
          offloads = wanted;
        }
        byte[] packed = now.receive(POLL_MILLIS, BATCH_BYTES);
        if (packed != null) {
          pass(packed);
        }
      } catch (IOException e) {
        backend = null;
        now.close();
        if (!closed) {
          notes.accept(
              e.getMessage() + "; the guest is without its network until it can be opened again");
        }
      }
    }
  }

  private void pass(byte[] packed) {
    while (live && !closed) {
      if (receiver.offer(packed)) {
        received.addAndGet(Frames.count(packed));
        return;
      }
      LockSupport.parkNanos(RETRY_NANOS);
    }
  }

  private void reopen() {
    LockSupport.parkNanos(REOPEN_NANOS);
    if (closed) {
      return;
    }
    try {
      backend = opener.get();
      offloads = Offloads.NONE;
    } catch (VmmException e) {
      return; // it is tried again
    }
    notes.accept("the guest's network is back");
    announcements = ANNOUNCEMENTS;
  }

  /** Ends the port; from now on everything is lost. */
  @Override
  public void close() {
    closed = true;
    live = false;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    NetworkBackend now = backend;
    backend = null;
    if (now != null) {
      now.close();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
