package dev.lockstep.ft.net;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import java.net.InetSocketAddress;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/** TLS on a new connection, below its frames: whatever comes before the end of the handshake never reaches them, and nothing of theirs leaves. */
final class SecureChannel {
  /** An alert in a record of its own: fatal, unexpected message (RFC 8446, 6). */
  private static final byte[] ALERT = {0x15, 3, 3, 0, 2, 2, 10};

  private static final int DNS_NAME = 2;

  private SecureChannel() {}

  /** This end has dialled that address. */
  static void dialling(
      Channel channel, SslContext tls, InetSocketAddress address, TransportLimits limits) {
    SSLEngine engine = tls.newEngine(channel.alloc(), address.getHostString(), address.getPort());
    SSLParameters parameters = engine.getSSLParameters();
    // The rule for names that everybody has: RFC 9525, as for HTTPS.
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    engine.setSSLParameters(parameters);
    add(channel, new SslHandler(engine), limits);
  }

  /** This end was dialled. */
  static void dialled(Channel channel, SslContext tls, TransportLimits limits) {
    channel.pipeline().addLast(new Clear());
    add(channel, tls.newHandler(channel.alloc()), limits);
  }

  private static void add(Channel channel, SslHandler handler, TransportLimits limits) {
    handler.setHandshakeTimeoutMillis(limits.handshakeTimeoutMillis());
    // Told before the connection closes; as an exception it would come afterwards.
    handler
        .handshakeFuture()
        .addListener(done -> {
          if (!done.isSuccess()) {
            note(channel, done.cause());
          }
        });
    channel.pipeline().addLast(handler);
  }

  private static void note(Channel channel, Throwable why) {
    FrameChannel frames = channel.pipeline().get(FrameChannel.class);
    if (frames != null) {
      frames.note(why);
    }
  }

  /** Waits for the handshake of a connection that has TLS; tells why it failed, or null. */
  static @Nullable Throwable awaitHandshake(Channel channel) throws InterruptedException {
    SslHandler handler = channel.pipeline().get(SslHandler.class);
    if (handler == null) {
      return new IllegalStateException("the connection is closed");
    }
    var handshake = handler.handshakeFuture().await();
    return handshake.isSuccess() ? null : handshake.cause();
  }

  /** The first name in the other end's certificate; empty without TLS. */
  static Optional<String> peerName(Channel channel) {
    SslHandler handler = channel.pipeline().get(SslHandler.class);
    if (handler == null) {
      return Optional.empty();
    }
    try {
      if (handler.engine().getSession().getPeerCertificates()[0]
          instanceof X509Certificate certificate) {
        Collection<List<?>> names = certificate.getSubjectAlternativeNames();
        return names == null
            ? Optional.empty()
            : names.stream()
                .filter(name -> Integer.valueOf(DNS_NAME).equals(name.getFirst()))
                .map(name -> String.valueOf(name.getLast()))
                .findFirst();
      }
    } catch (SSLPeerUnverifiedException | CertificateParsingException e) {
      return Optional.empty();
    }
    return Optional.empty();
  }

  /** Looks at a connection's first bytes. Whoever does not begin with TLS gets an alert, by which another replica knows what is the matter, and is closed. */
  private static final class Clear extends ByteToMessageDecoder {
    private static final int HANDSHAKE = 0x16;

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) {
      if (in.getUnsignedByte(in.readerIndex()) == HANDSHAKE) {
        context.pipeline().remove(this);
        return;
      }
      in.skipBytes(in.readableBytes());
      note(context.channel(), TlsException.there());
      context.writeAndFlush(Unpooled.wrappedBuffer(ALERT)).addListener(ChannelFutureListener.CLOSE);
    }
  }
}
