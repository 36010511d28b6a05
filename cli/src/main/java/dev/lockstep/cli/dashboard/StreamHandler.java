package dev.lockstep.cli.dashboard;

import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.timeout.IdleStateEvent;
import org.jspecify.annotations.Nullable;

/** What comes on an open WebSocket. On the event loop, which hands typed bytes to a thread that may wait, and reads no further meanwhile. */
final class StreamHandler extends SimpleChannelInboundHandler<WebSocketFrame> {
  /** Begins to serve an open stream. */
  interface Beginning {
    /** Returns where typed bytes go; null if the stream takes none. */
    @Nullable ConsoleStream begin(Stream stream);
  }

  private final Beginning beginning;
  private @Nullable Stream stream;
  private @Nullable ConsoleStream console;
  private boolean asked;

  StreamHandler(Beginning beginning) {
    this.beginning = beginning;
  }

  /** The browser has been told that the stream is open. */
  void begin(Stream opened) {
    stream = opened;
    console = beginning.begin(opened);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
    asked = false;
    Stream open = stream;
    ConsoleStream typist = console;
    switch (frame) {
      case PongWebSocketFrame it -> {}
      case PingWebSocketFrame it ->
          context.writeAndFlush(new PongWebSocketFrame(it.content().retain()));
      case CloseWebSocketFrame it -> {
        if (open != null) {
          open.close(WebSocketCloseStatus.NORMAL_CLOSURE);
        }
      }
      case BinaryWebSocketFrame it when typist != null -> {
        byte[] bytes = ByteBufUtil.getBytes(it.content());
        context.channel().config().setAutoRead(false);
        typist.type(bytes, () -> context.channel().config().setAutoRead(true));
      }
      default -> {
        if (open != null) {
          open.close(WebSocketCloseStatus.POLICY_VIOLATION);
        }
      }
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (!(event instanceof IdleStateEvent)) {
      context.fireUserEventTriggered(event);
    } else if (asked) {
      context.close();
    } else {
      asked = true;
      context.writeAndFlush(new PingWebSocketFrame());
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // The connection broke, or the browser sent what is no WebSocket frame, or too much.
    context.close();
  }
}
