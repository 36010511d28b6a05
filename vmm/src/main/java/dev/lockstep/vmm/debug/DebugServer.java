package dev.lockstep.vmm.debug;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.trace.SymbolTable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Waits for gdb on an address and serves one client after the other; a second one at the same time is turned away. */
public final class DebugServer implements AutoCloseable {
  /** How long a client waits for the one before to be gone. */
  private static final long GOODBYE_MILLIS = 500;

  private final ServerSocketChannel server;
  private final @Nullable Path socketFile;

  /** Clients to be served, at most one; empty to stop. */
  private final BlockingQueue<Optional<SocketChannel>> accepted = new LinkedBlockingQueue<>();

  private volatile boolean stopped;
  private volatile @Nullable SocketChannel served;
  private final Semaphore free = new Semaphore(1);
  private final Thread accepting;

  private DebugServer(ServerSocketChannel server, @Nullable Path socketFile) {
    this.server = server;
    this.socketFile = socketFile;
    this.accepting = Thread.ofVirtual().name("gdb-accept").unstarted(this::accept);
  }

  /**
   * Begins to listen.
   *
   * @param address {@code HOST:PORT} (port 0 for any that is free), or the path of a socket to be made if there is a slash in it
   * @throws VmmException if that cannot be
   */
  public static DebugServer listen(String address) {
    try {
      ServerSocketChannel server;
      Path file = null;
      if (address.contains("/")) {
        file = Path.of(address);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(file));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      } else {
        server = ServerSocketChannel.open();
        server.bind(internet(address));
      }
      DebugServer made = new DebugServer(server, file);
      made.accepting.start();
      return made;
    } catch (IOException | IllegalArgumentException | UnsupportedOperationException e) {
      throw new VmmException(
          "cannot listen on '%s': %s".formatted(address, e.getMessage()),
          "Give HOST:PORT with a port that is free, or the path of a socket that is not there yet.",
          e);
    }
  }

  private static SocketAddress internet(String address) {
    int colon = address.lastIndexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("there is no port in it");
    }
    String host = colon == 0 ? "localhost" : address.substring(0, colon);
    InetSocketAddress resolved =
        new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
    if (resolved.isUnresolved()) {
      throw new IllegalArgumentException("host '%s' is not known".formatted(host));
    }
    return resolved;
  }

  /** What gdb's {@code target remote} takes. */
  public String target() {
    try {
      return server.getLocalAddress() instanceof InetSocketAddress it
          ? "%s:%d".formatted(it.getAddress().getHostAddress(), it.getPort())
          : String.valueOf(socketFile);
    } catch (IOException e) {
      throw new IllegalStateException("the server is closed", e);
    }
  }

  private void accept() {
    try {
      while (true) {
        SocketChannel client = server.accept();
        // One that comes right behind another must not find that one's goodbye unfinished.
        if (!free.tryAcquire(GOODBYE_MILLIS, TimeUnit.MILLISECONDS)) {
          client.close();
          continue;
        }
        accepted.put(Optional.of(client));
      }
    } catch (IOException | InterruptedException e) {
      // Closed.
    }
  }

  /**
   * Serves clients until one kills the target, or {@link #stop} is called.
   *
   * @param travel what they debug; they find it as the one before has left it
   * @param symbols names for what {@code monitor} answers
   */
  public void serve(TimeTravel travel, SymbolTable symbols) throws InterruptedException {
    GdbStub.After after = GdbStub.After.NOTHING;
    while (after != GdbStub.After.KILL && !stopped) {
      Optional<SocketChannel> next = accepted.take();
      if (next.isEmpty()) {
        return;
      }
      try (SocketChannel client = next.get()) {
        served = client;
        after = serve(travel, symbols, client);
      } catch (IOException e) {
        // Of closing it: the client has gone anyway.
      } finally {
        served = null;
        free.release();
      }
    }
  }

  /** Makes {@link #serve} return when the present command is done. Any thread. */
  public void stop() {
    stopped = true;
    accepted.add(Optional.empty());
    SocketChannel client = served;
    if (client != null) {
      try {
        client.close();
      } catch (IOException e) {
        // It is not used any more.
      }
    }
  }

  private static GdbStub.After serve(TimeTravel travel, SymbolTable symbols, SocketChannel client)
      throws InterruptedException {
    PacketLink link =
        new PacketLink(
            Channels.newInputStream(client),
            Channels.newOutputStream(client),
            travel.cursor()::interrupt);
    Thread reader = Thread.ofVirtual().name("gdb-reader").start(link::listen);
    try {
      GdbStub stub = new GdbStub(travel, symbols, link);
      travel.cursor().takeInterrupted();
      GdbStub.After after = GdbStub.After.NOTHING;
      while (after == GdbStub.After.NOTHING) {
        String packet = link.next();
        if (packet == null) {
          return GdbStub.After.DETACH;
        }
        after = stub.answer(packet);
      }
      return after;
    } finally {
      reader.interrupt();
    }
  }

  @Override
  public void close() {
    try {
      server.close();
      if (socketFile != null) {
        Files.deleteIfExists(socketFile);
      }
    } catch (IOException e) {
      // It ends with the process.
    }
    accepting.interrupt();
  }
}
