package dev.lockstep.ft.net;

import dev.lockstep.ft.tls.TlsIdentity;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/**
 * Lets a JVM encrypt and decrypt before a peer waits for it. Until HotSpot's second compiler has come to AES-GCM, which takes it tens of megabytes, a megabyte costs twenty milliseconds instead of one: a checkpoint that is
 * sent so keeps the thread that a guest's answers wait for.
 */
final class TlsWarmup {
  /** What it takes with some to spare. */
  static final int BYTES = 64 << 20;

  private static final int BLOCK_BYTES = 64 << 10;

  /** A handshake takes three flights. */
  private static final int MAX_FLIGHTS = 16;

  private TlsWarmup() {}

  /**
   * Shakes hands with itself and sends as much to itself.
   *
   * @return how many bytes arrived; 0 if this end's own certificate does not convince it, which is not this one's to tell
   */
  static long sendAndReceive(TlsIdentity identity, int bytes) {
    EmbeddedChannel server = new EmbeddedChannel();
    EmbeddedChannel client = new EmbeddedChannel();
    try {
      SslHandler serving = identity.server().newHandler(server.alloc());
      server.pipeline().addLast(serving);
      SSLEngine dialling = identity.client().newEngine(client.alloc());
      SSLParameters parameters = dialling.getSSLParameters();
      // It was not dialled by any name.
      parameters.setEndpointIdentificationAlgorithm("");
      dialling.setSSLParameters(parameters);
      SslHandler asking = new SslHandler(dialling);
      client.pipeline().addLast(asking);
      for (int i = 0; i < MAX_FLIGHTS && !isDone(serving, asking); i++) {
        move(client, server);
        move(server, client);
      }
      if (!isDone(serving, asking)) {
        return 0;
      }
      return send(client, server, bytes);
    } catch (DecoderException e) {
      // The two do not take each other: so it is with a host that trusts another authority than its
      // own certificate's. Its peers will judge for themselves.
      return 0;
    } finally {
      discard(client);
      discard(server);
    }
  }

  /** Unlike {@code finish}, does not throw what a connection in the middle of a handshake has to say about its end. */
  private static void discard(EmbeddedChannel channel) {
    channel.close();
    channel.releaseInbound();
    channel.releaseOutbound();
  }

  private static boolean isDone(SslHandler serving, SslHandler asking) {
    return serving.handshakeFuture().isSuccess() && asking.handshakeFuture().isSuccess();
  }

  private static long send(EmbeddedChannel from, EmbeddedChannel to, int bytes) {
    byte[] block = new byte[BLOCK_BYTES];
    long arrived = 0;
    for (int sent = 0; sent < bytes; sent += BLOCK_BYTES) {
      from.writeOutbound(Unpooled.wrappedBuffer(block));
      move(from, to);
      for (ByteBuf read = to.readInbound(); read != null; read = to.readInbound()) {
        arrived += read.readableBytes();
        read.release();
      }
    }
    return arrived;
  }

  private static void move(EmbeddedChannel from, EmbeddedChannel to) {
    from.runPendingTasks();
    for (ByteBuf sent = from.readOutbound(); sent != null; sent = from.readOutbound()) {
      to.writeInbound(sent);
    }
  }
}
