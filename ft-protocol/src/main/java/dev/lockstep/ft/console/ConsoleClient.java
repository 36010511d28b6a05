package dev.lockstep.ft.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** One connection to a {@link ConsoleServer}. Who wants to survive a failover makes a new one, from {@link #offset}, to the other replica. */
public final class ConsoleClient implements AutoCloseable {
  private static final int MAX_ANSWER_BYTES = 64;

  private final Socket socket;
  private final InputStream from;
  private long offset;

  private ConsoleClient(Socket socket, InputStream from, long offset) {
    this.socket = socket;
    this.from = from;
    this.offset = offset;
  }

  /**
   * Connects and asks for the stream from an offset on.
   *
   * @throws IOException if nobody listens, or the bytes from there on are gone
   */
  public static ConsoleClient connect(InetSocketAddress address, long offset, int timeoutMillis)
      throws IOException {
    return connect(address, offset, timeoutMillis, false);
  }

  private static ConsoleClient connect(
      InetSocketAddress address, long offset, int timeoutMillis, boolean later) throws IOException {
    Socket socket = new Socket();
    try {
      socket.connect(address, timeoutMillis);
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(timeoutMillis);
      OutputStream to = socket.getOutputStream();
      to.write("console %d\n".formatted(offset).getBytes(StandardCharsets.US_ASCII));
      InputStream from = socket.getInputStream();
      String answer = line(from);
      boolean at = answer.matches("at \\d{1,18}");
      long given = at ? Long.parseLong(answer.substring("at ".length())) : -1;
      if (!at || given != offset && !later) {
        throw new IOException("asked for byte %d, the server says: %s".formatted(offset, answer));
      }
      socket.setSoTimeout(0);
      return new ConsoleClient(socket, from, given);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Connects and asks for all that is kept.
   *
   * @throws IOException if nobody listens
   */
  public static ConsoleClient connectOldest(InetSocketAddress address, int timeoutMillis)
      throws IOException {
    return connect(address, 0, timeoutMillis, true);
  }

  private static String line(InputStream from) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int one = from.read(); one != '\n'; one = from.read()) {
      if (one < 0 || line.length() == MAX_ANSWER_BYTES) {
        throw new IOException("the server does not speak the console protocol");
      }
      line.append((char) one);
    }
    return line.toString();
  }

  /** Waits for bytes; the number read, or -1 when the connection ended. */
  public int read(byte[] into) throws IOException {
    int n = from.read(into);
    if (n > 0) {
      offset += n;
    }
    return n;
  }

  /** Types. */
  public void write(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** Offset behind the last byte read. */
  public long offset() {
    return offset;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
