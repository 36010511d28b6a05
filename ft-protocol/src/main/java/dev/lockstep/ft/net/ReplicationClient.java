package dev.lockstep.ft.net;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.ArbiterUnavailableException;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Hello;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.ft.wire.proto.Welcome;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The backup's end: dials the primary, again and again while there is no link, until it is closed. A thread of its own dials and waits; what comes in is told
 * on I/O threads.
 */
public final class ReplicationClient implements AutoCloseable {
  private final InetSocketAddress primary;
  private final Supplier<PeerIdentity> self;
  private final Arbiter arbiter;
  private final LinkListener listener;
  private final TransportLimits limits;
  private final Dialler dialler;
  private final Thread thread;
  private volatile @Nullable PeerLink link;
  private volatile boolean closed;

  /** Begins to dial, in the clear. */
  public ReplicationClient(
      InetSocketAddress primary,
      Supplier<PeerIdentity> self,
      Arbiter arbiter,
      LinkListener listener,
      TransportLimits limits) {
    this(primary, self, arbiter, listener, limits, null);
  }

  /**
   * Begins to dial.
   *
   * @param primary where the primary listens; with TLS, its certificate must have this name
   * @param self who this replica is, asked at every dial
   * @param arbiter must be the one the primary has
   * @param tls how this end shows who it is, and what it demands of the primary; null for connections in the clear
   */
  public ReplicationClient(
      InetSocketAddress primary,
      Supplier<PeerIdentity> self,
      Arbiter arbiter,
      LinkListener listener,
      TransportLimits limits,
      @Nullable TlsIdentity tls) {
    this.primary = primary;
    this.self = self;
    this.arbiter = arbiter;
    this.listener = listener;
    this.limits = limits;
    dialler = new Dialler(limits, tls);
    thread = Thread.ofPlatform().daemon().name("ft-dial").start(this::work);
  }

  /** Sends to the primary if it is linked; best effort. Any thread. */
  public void send(Message message) {
    PeerLink now = link;
    if (now != null) {
      now.send(message);
    }
  }

  /** Gives up the present link, if there is one, and dials anew. */
  public void reset(String why) {
    PeerLink now = link;
    if (now != null) {
      now.close(why);
    }
  }

  private void work() {
    while (!closed) {
      PeerLink now = link;
      if (now == null || !now.isOpen()) {
        dial();
      }
      now = link;
      if (!closed && now != null && now.isOpen()) {
        LockSupport.park(this);
      } else if (!closed) {
        LockSupport.parkNanos(this, limits.redialMillis() * 1_000_000L);
      }
    }
  }

  private void dial() {
    PeerIdentity me = self.get();
    @Nullable FrameChannel control = null;
    @Nullable FrameChannel bulk = null;
    try {
      control = dialler.connect(primary);
      Welcome welcome = dialler.greet(control, hello(me, Hello.Channel.CONTROL));
      PeerIdentity peer = IdentityCodec.decode(welcome.getIdentity());
      Refusal refusal = refusalOf(me, peer, welcome);
      if (refusal != null) {
        control.sendAndClose(Frame.newBuilder().setRefusal(refusal).build());
        control = null;
        listener.peerRefused(refusal);
        return;
      }
      bulk = dialler.connect(primary);
      dialler.greet(bulk, hello(me, Hello.Channel.BULK));
      PeerLink made = new PeerLink(peer, control, bulk, limits, new Redialling());
      control = null;
      bulk = null;
      link = made;
      made.open();
    } catch (ConnectException e) {
      if (!closed && isRefused(e)) {
        listener.linkRefused(String.valueOf(e.getMessage()));
      }
    } catch (Dialler.RefusedException e) {
      listener.peerRefused(e.refusal());
    } catch (TlsException e) {
      if (!closed) {
        listener.shutOut(String.valueOf(e.getMessage()));
      }
    } catch (IOException | TimeoutException | ArbiterUnavailableException e) {
      // Nothing that is not tried again.
    } catch (InterruptedException e) {
      closed = true;
    } finally {
      close(control);
      close(bulk);
    }
  }

  private static Frame hello(PeerIdentity me, Hello.Channel channel) {
    Hello hello =
        Hello.newBuilder().setIdentity(IdentityCodec.encode(me)).setChannel(channel).build();
    return Frame.newBuilder().setHello(hello).build();
  }

  private @Nullable Refusal refusalOf(PeerIdentity me, PeerIdentity peer, Welcome welcome)
      throws ArbiterUnavailableException {
    Refusal refusal = me.refusalOf(peer);
    if (refusal == null
        && !welcome.getArbiterKey().isEmpty()
        && !arbiter.shows(welcome.getArbiterKey(), welcome.getArbiterNonce())) {
      refusal =
          PeerIdentity.refusal(
              Refusal.Reason.ARBITER_NOT_SHARED,
              "%s does not find in its arbiter (%s) what %s has written into its own: both need the same one"
                  .formatted(me.instance().name(), arbiter.describe(), peer.instance().name()));
    }
    return refusal;
  }

  private static boolean isRefused(ConnectException e) {
    String message = e.getMessage();
    return message != null && message.contains("refused");
  }

  private static void close(@Nullable FrameChannel connection) {
    if (connection != null) {
      connection.channel().close();
    }
  }

  /** Ends the link and stops dialling; what was said last may be still on its way. Does not wait. */
  public void hangUp() {
    closed = true;
    LockSupport.unpark(thread);
    if (Thread.currentThread() != thread) {
      thread.interrupt();
    }
    PeerLink now = link;
    if (now != null) {
      now.close("closed by this side");
    }
  }

  /** Hangs up, and waits until a peer that lives has heard what was said last. */
  @Override
  public void close() {
    hangUp();
    PeerLink now = link;
    if (now != null) {
      now.awaitParted();
    }
    dialler.close();
  }

  /** Passes everything on, and wakes the dialler when the link is lost. */
  private final class Redialling implements LinkListener {
    @Override
    public void linkUp(PeerIdentity peer, Executor thread) {
      listener.linkUp(peer, thread);
    }

    @Override
    public boolean received(ReplicaInstance from, Message message) {
      return listener.received(from, message);
    }

    @Override
    public void linkLost(ReplicaInstance peer, String why) {
      if (!closed) {
        listener.linkLost(peer, why);
      }
      LockSupport.unpark(thread);
    }

    @Override
    public void linkRefused(String why) {
      listener.linkRefused(why);
    }

    @Override
    public void shutOut(String sentence) {
      listener.shutOut(sentence);
    }

    @Override
    public void invited(PeerIdentity primary, InetSocketAddress address) {
      listener.invited(primary, address);
    }

    @Override
    public void peerRefused(Refusal refusal) {
      listener.peerRefused(refusal);
    }
  }
}
