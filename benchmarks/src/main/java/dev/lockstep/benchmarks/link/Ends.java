package dev.lockstep.benchmarks.link;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.net.Admission;
import dev.lockstep.ft.net.ArbiterProof;
import dev.lockstep.ft.net.LinkListener;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.net.InetSocketAddress;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Both ends of a link: whatever comes is counted, and as much is sent as has been taken, and a window. */
final class Ends implements LinkListener, Admission {
  private static final int WINDOW_CHUNKS = 64;
  private static final long PATIENCE_SECONDS = 60;

  private final ReplicaInstance listening;
  private final CountDownLatch up = new CountDownLatch(2);
  private final Semaphore room = new Semaphore(WINDOW_CHUNKS);
  private final Semaphore taken = new Semaphore(0);

  Ends(ReplicaInstance listening) {
    this.listening = listening;
  }

  static PeerIdentity identity(ReplicaInstance instance) {
    return new PeerIdentity(PeerIdentity.PROTOCOL_VERSION, "1", "vm", instance, new TreeMap<>());
  }

  void awaitLink() throws InterruptedException {
    require(up.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
  }

  void awaitRoom() throws InterruptedException {
    require(room.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS));
  }

  void awaitChunks(int count) throws InterruptedException {
    require(taken.tryAcquire(count, PATIENCE_SECONDS, TimeUnit.SECONDS));
  }

  private static void require(boolean came) {
    if (!came) {
      throw new IllegalStateException("the link stands still");
    }
  }

  @Override
  public boolean received(ReplicaInstance from, Message message) {
    if (message instanceof Message.CheckpointChunk) {
      taken.release();
      room.release();
    }
    return true;
  }

  @Override
  public void linkUp(PeerIdentity peer, Executor thread) {
    up.countDown();
  }

  @Override
  public void linkLost(ReplicaInstance peer, String why) {
    // The end of a round.
  }

  @Override
  public void linkRefused(String why) {
    // The server was closed first.
  }

  @Override
  public void invited(PeerIdentity primary, InetSocketAddress address) {
    throw new IllegalStateException("nobody invites here");
  }

  @Override
  public void shutOut(String sentence) {
    System.err.println(sentence);
  }

  @Override
  public void peerRefused(Refusal refusal) {
    System.err.println(refusal.getDetail());
  }

  @Override
  public PeerIdentity self() {
    return identity(listening);
  }

  @Override
  public @Nullable Refusal closed() {
    return null;
  }

  @Override
  public @Nullable Refusal uninvitable() {
    return null;
  }

  @Override
  public @Nullable ArbiterProof proof() {
    return null;
  }
}
