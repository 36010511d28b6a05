package dev.lockstep.ft.net;

import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Invitation;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A primary's thread that asks a waiting replica, again and again while a backup is wanted, to dial in. */
public final class Inviter implements AutoCloseable {
  private static final long BETWEEN_NANOS = 250_000_000;

  private final InetSocketAddress waiting;
  private final Supplier<PeerIdentity> self;
  private final int port;
  private final BooleanSupplier wanted;
  private final LinkListener listener;
  private final Dialler dialler;
  private final Thread thread;
  private volatile boolean closed;

  /** Begins, in the clear. */
  public Inviter(
      InetSocketAddress waiting,
      Supplier<PeerIdentity> self,
      int port,
      BooleanSupplier wanted,
      LinkListener listener,
      TransportLimits limits) {
    this(waiting, self, port, wanted, listener, limits, null);
  }

  /**
   * Begins.
   *
   * @param waiting where the other replica listens
   * @param self who this replica is
   * @param port where this replica listens
   * @param wanted whether a backup is wanted at the moment
   * @param listener told of refusals only
   * @param tls how this end shows who it is, and what it demands of the other; null for connections in the clear
   */
  public Inviter(
      InetSocketAddress waiting,
      Supplier<PeerIdentity> self,
      int port,
      BooleanSupplier wanted,
      LinkListener listener,
      TransportLimits limits,
      @Nullable TlsIdentity tls) {
    this.waiting = waiting;
    this.self = self;
    this.port = port;
    this.wanted = wanted;
    this.listener = listener;
    dialler = new Dialler(limits, tls);
    thread = Thread.ofPlatform().daemon().name("ft-invite").start(this::work);
  }

  private void work() {
    while (!closed) {
      if (wanted.getAsBoolean()) {
        invite();
      }
      LockSupport.parkNanos(this, BETWEEN_NANOS);
    }
  }

  private void invite() {
    try {
      FrameChannel connection = dialler.connect(waiting);
      try {
        Invitation invitation =
            Invitation.newBuilder()
                .setIdentity(IdentityCodec.encode(self.get()))
                .setPort(port)
                .build();
        dialler.greet(connection, Frame.newBuilder().setInvitation(invitation).build());
      } finally {
        connection.channel().close();
      }
    } catch (Dialler.RefusedException e) {
      listener.peerRefused(e.refusal());
    } catch (TlsException e) {
      if (!closed) {
        listener.shutOut(String.valueOf(e.getMessage()));
      }
    } catch (IOException | TimeoutException e) {
      // Nobody waits there yet.
    } catch (InterruptedException e) {
      closed = true;
    }
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    dialler.close();
  }
}
