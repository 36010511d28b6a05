package dev.lockstep.ft.net;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;

/**
 * The threads of links, and what they wait for messages by: Netty's own epoll. The JDK's selector is woken under a lock that whoever is woken takes first of all. A vCPU's thread that wakes a link's, which goes before it, is put off its
 * processor in that very moment, with the lock in its hand; the other waits for it, and on a host that is busy with others a vCPU's thread may wait for half a second until it is its turn again: as long as a silence that means
 * death. Where the library cannot be loaded (another architecture, a folder for temporary files that nothing may be executed in) the JDK's selector has to do.
 */
final class LinkThreads {
  /** One for each end: what both connections of a link bring is looked at on the thread that brings it, so each message wakes one thread. */
  private static final int THREADS = 1;

  private LinkThreads() {}

  static EventLoopGroup start() {
    IoHandlerFactory waiting =
        Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    return new MultiThreadIoEventLoopGroup(THREADS, waiting);
  }

  /** Of connections that are made on those threads. */
  static Class<? extends SocketChannel> connection() {
    return Epoll.isAvailable() ? EpollSocketChannel.class : NioSocketChannel.class;
  }

  /** Of what listens on those threads. */
  static Class<? extends ServerSocketChannel> listener() {
    return Epoll.isAvailable() ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
  }
}
