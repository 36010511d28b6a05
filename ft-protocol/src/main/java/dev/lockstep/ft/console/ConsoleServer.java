package dev.lockstep.ft.console;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Serves a {@link ConsoleHistory} to whoever connects, and hands what they type to the guest. */
public final class ConsoleServer implements AutoCloseable {
  private static final int MAX_CLIENTS = 64;
  private static final int MAX_REQUEST_BYTES = 64;
  private static final int CHUNK_BYTES = 64 * 1024;

  /** How long clients may take to read the rest when the stream has ended. */
  private static final long DRAIN_MILLIS = 2_000;

  private final ServerSocket socket;
  private final ConsoleHistory history;
  private final Predicate<byte[]> input;
  private final Semaphore clients = new Semaphore(MAX_CLIENTS);
  private final Set<Socket> connected = ConcurrentHashMap.newKeySet();

  private ConsoleServer(ServerSocket socket, ConsoleHistory history, Predicate<byte[]> input) {
    this.socket = socket;
    this.history = history;
    this.input = input;
  }

  /**
   * Listens.
   *
   * @param address where; port 0 takes any that is free
   * @param history what is served
   * @param input takes what a client types, or says false: then it is offered again, and the client waits; called on
   *     the clients' threads
   * @throws VmmException if the address is in use or not ours
   */
  public static ConsoleServer start(
      InetSocketAddress address, ConsoleHistory history, Predicate<byte[]> input) {
    try {
      ServerSocket socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(address);
      ConsoleServer server = new ConsoleServer(socket, history, input);
      Thread.ofVirtual().name("console-accept").start(server::acceptAll);
      return server;
    } catch (IOException e) {
      throw new VmmException(
          "the console port %s cannot be opened: %s".formatted(address, e.getMessage()),
          "Give another by --console, or end who uses it.",
          e);
    }
  }

  /** The port it listens on. */
  public int port() {
    return socket.getLocalPort();
  }

  private void acceptAll() {
    while (!socket.isClosed()) {
      try {
        Socket client = socket.accept();
        if (!clients.tryAcquire()) {
          client.close();
          continue;
        }
        connected.add(client);
        Thread.ofVirtual().name("console-client").start(() -> serve(client));
      } catch (IOException e) {
        if (!socket.isClosed()) {
          Thread.yield();
        }
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      client.setTcpNoDelay(true);
      InputStream from = client.getInputStream();
      OutputStream to = client.getOutputStream();
      long offset = request(from);
      if (offset < 0) {
        to.write("error say: console OFFSET\n".getBytes(StandardCharsets.US_ASCII));
        return;
      }
      offset = Math.max(offset, history.oldest());
      to.write("at %d\n".formatted(offset).getBytes(StandardCharsets.US_ASCII));
      Thread.ofVirtual().name("console-input").start(() -> readInput(client, from));
      while (true) {
        byte[] bytes = history.await(offset, CHUNK_BYTES);
        if (bytes.length == 0) {
          return;
        }
        to.write(bytes);
        to.flush();
        offset += bytes.length;
      }
    } catch (IOException | IllegalArgumentException e) {
      // The client is gone, or too slow for what is kept: it may come again, from where it is.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      connected.remove(client);
      clients.release();
    }
  }

  private void readInput(Socket client, InputStream from) {
    byte[] buffer = new byte[1024];
    Typist typist = new Typist(input);
    try {
      for (int n = from.read(buffer); n > 0; n = from.read(buffer)) {
        typist.type(Arrays.copyOf(buffer, n), () -> !client.isClosed());
      }
    } catch (IOException e) {
      // The connection is gone; the sender's thread sees it as well.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The offset that a client asks for, or -1 for anything that is no request. */
  private static long request(InputStream from) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int one = from.read(); one != '\n'; one = from.read()) {
      if (one < 0 || line.length() == MAX_REQUEST_BYTES) {
        return -1;
      }
      line.append((char) one);
    }
    String text = line.toString().strip();
    if (!text.matches("console \\d{1,18}")) {
      return -1;
    }
    return Long.parseLong(text.substring("console ".length()));
  }

  /** Takes no more clients, and gives those it has the rest of the stream, within bounds. */
  @Override
  public void close() {
    history.close();
    try {
      socket.close();
      if (clients.tryAcquire(MAX_CLIENTS, DRAIN_MILLIS, TimeUnit.MILLISECONDS)) {
        clients.release(MAX_CLIENTS);
      }
      for (Socket client : connected) {
        client.close();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new IllegalStateException("a listening socket does not close", e);
    }
  }
}
