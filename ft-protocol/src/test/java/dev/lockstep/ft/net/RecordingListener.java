package dev.lockstep.ft.net;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.net.InetSocketAddress;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Keeps all it hears, in order, for a test to take. */
final class RecordingListener implements LinkListener {
  sealed interface Heard {
    record Up(PeerIdentity peer) implements Heard {}

    record Got(ReplicaInstance from, Message message) implements Heard {}

    record Lost(ReplicaInstance peer, String why) implements Heard {}

    record DialRefused(String why) implements Heard {}

    record Invited(PeerIdentity primary, InetSocketAddress address) implements Heard {}

    record ShutOut(String sentence) implements Heard {}

    record Refused(Refusal refusal) implements Heard {}
  }

  private static final long PATIENCE_SECONDS = 30;

  final BlockingQueue<Heard> heard = new LinkedBlockingQueue<>();
  private volatile Consumer<Message> before = message -> {};
  private volatile Consumer<Message> after = message -> {};

  /** Runs on the I/O thread before a message is kept. */
  void beforeMessage(Consumer<Message> action) {
    before = action;
  }

  /** Runs on the I/O thread when a message is kept. */
  void afterMessage(Consumer<Message> action) {
    after = action;
  }

  /** The next thing heard of that type; others are passed over. */
  <T extends Heard> T next(Class<T> type) throws InterruptedException {
    while (true) {
      Heard next = heard.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (next == null) {
        throw new AssertionError("nothing heard, while waiting for " + type.getSimpleName());
      }
      if (type.isInstance(next)) {
        return type.cast(next);
      }
    }
  }

  @Override
  public void linkUp(PeerIdentity peer, Executor thread) {
    heard.add(new Heard.Up(peer));
  }

  @Override
  public boolean received(ReplicaInstance from, Message message) {
    before.accept(message);
    heard.add(new Heard.Got(from, message));
    after.accept(message);
    return true;
  }

  @Override
  public void linkLost(ReplicaInstance peer, String why) {
    heard.add(new Heard.Lost(peer, why));
  }

  @Override
  public void linkRefused(String why) {
    heard.add(new Heard.DialRefused(why));
  }

  @Override
  public void invited(PeerIdentity primary, InetSocketAddress address) {
    heard.add(new Heard.Invited(primary, address));
  }

  @Override
  public void shutOut(String sentence) {
    heard.add(new Heard.ShutOut(sentence));
  }

  @Override
  public void peerRefused(Refusal refusal) {
    heard.add(new Heard.Refused(refusal));
  }
}
