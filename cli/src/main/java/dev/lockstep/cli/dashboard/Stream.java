package dev.lockstep.cli.dashboard;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An open WebSocket and the virtual threads that serve it; they are interrupted when it closes. */
final class Stream {
  private static final Logger LOG = LoggerFactory.getLogger(Stream.class);

  /** Serves the stream, or a part of it, until there is nothing more, or the browser is gone. */
  interface Work {
    void run() throws InterruptedException;
  }

  private final Channel channel;
  private final Set<Thread> threads = new HashSet<>();
  private boolean gone;

  Stream(Channel channel) {
    this.channel = channel;
    channel.closeFuture().addListener(closed -> end());
  }

  Channel channel() {
    return channel;
  }

  /** Begins a part of the work. */
  synchronized void start(String name, Work work) {
    if (gone) {
      return;
    }
    Thread thread = Thread.ofVirtual().name(name).unstarted(() -> serve(work));
    threads.add(thread);
    thread.start();
  }

  private void serve(Work work) {
    try {
      work.run();
    } catch (InterruptedException e) {
      // The browser is gone, and was the only one who wanted this.
      channel.close();
    } catch (RuntimeException e) {
      LOG.error("a stream of the dashboard failed", e);
      close(WebSocketCloseStatus.INTERNAL_SERVER_ERROR);
    } finally {
      forget(Thread.currentThread());
    }
  }

  private synchronized void forget(Thread thread) {
    threads.remove(thread);
  }

  /** Sends a frame and waits until it has left; a browser that takes nothing is dropped. */
  void send(WebSocketFrame frame) throws InterruptedException {
    ChannelFuture sent = channel.writeAndFlush(frame);
    if (!sent.await(DashboardLimits.SEND_TIMEOUT_MILLIS)) {
      LOG.info("a browser that takes nothing is dropped");
      channel.close();
    }
    if (!sent.isSuccess()) {
      throw new InterruptedException("the browser is gone");
    }
  }

  void send(String json) throws InterruptedException {
    send(new TextWebSocketFrame(json));
  }

  /** Says that there is nothing more. */
  void close(WebSocketCloseStatus status) {
    try {
      channel
          .eventLoop()
          .execute(() ->
              channel
                  .writeAndFlush(new CloseWebSocketFrame(status))
                  .addListener(ChannelFutureListener.CLOSE));
    } catch (RejectedExecutionException e) {
      // The whole dashboard has closed, and this stream with it.
    }
  }

  private synchronized void end() {
    gone = true;
    threads.forEach(Thread::interrupt);
  }
}
