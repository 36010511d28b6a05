package dev.lockstep.it.network;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A client, as a process of its own: keeps one TCP connection to a service, asks again and again, and holds every byte that comes back against what it should be. Told {@code mark} it
 * begins to measure anew, told {@code stop} it ends. Says in a line of JSON how much came back, and the longest time between two answers since the last mark.
 */
final class SteadyClient {
  private static final int CONNECT_MILLIS = 1_000;
  private static final int READ_MILLIS = 120_000;
  private static final int CONNECT_ATTEMPTS = 300;
  private static final int MAX_BLOCK_BYTES = 3_000;
  private static final int PING_BYTES = 100;
  private static final int QUESTIONS_AHEAD = 8;

  /** Of questions with an answer of a kilobyte: as many as keep the guest busy for some milliseconds. */
  private static final int SHORT_QUESTIONS_AHEAD = 128;

  private static final int MAX_SAMPLES = 1 << 16;
  private static final int MAX_LINE_BYTES = 1_000;
  private static final int BUFFER_BYTES = 1 << 16;

  private SteadyClient() {}

  /** An echo of random bytes: of any length up to some frames, or of one short length. */
  private record Echo(Random random, boolean isShort) implements Conversation {
    @Override
    public int ask(DataInputStream in, OutputStream out) throws IOException {
      byte[] block = new byte[isShort ? PING_BYTES : 1 + random.nextInt(MAX_BLOCK_BYTES)];
      random.nextBytes(block);
      out.write(block);
      byte[] back = new byte[block.length];
      in.readFully(back);
      if (!Arrays.equals(block, back)) {
        throw new IOException("a block of %d bytes came back changed".formatted(block.length));
      }
      return block.length;
    }
  }

  /** A file over HTTP, always the same: asked for when the last has come, or some ahead (RFC 9112, section 9.3.2), so that the guest never has to wait for a question. */
  private static final class Http implements Conversation {
    private static final byte[] QUESTION =
        "GET /block HTTP/1.1\r\nHost: guest\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private int ahead;
    private byte @Nullable [] first;

    Http(int ahead) {
      this.ahead = ahead;
    }

    @Override
    public int ask(DataInputStream in, OutputStream out) throws IOException {
      for (; ahead > 0; ahead--) {
        out.write(QUESTION);
      }
      out.write(QUESTION);
      String status = line(in);
      if (!status.startsWith("HTTP/1.1 200")) {
        throw new IOException("the answer begins with '%s'".formatted(status));
      }
      int length = -1;
      for (String header = line(in); !header.isEmpty(); header = line(in)) {
        if (header.startsWith("Content-Length: ")) {
          length = Integer.parseInt(header.substring("Content-Length: ".length()));
        } else if (header.equals("Connection: close")) {
          throw new IOException("the service wants to close the connection");
        }
      }
      byte[] body = new byte[length];
      in.readFully(body);
      if (first == null) {
        first = body;
      } else if (!Arrays.equals(first, body)) {
        throw new IOException("the file is another than before");
      }
      return body.length;
    }

    private static String line(DataInputStream in) throws IOException {
      StringBuilder line = new StringBuilder();
      for (int next = in.readUnsignedByte(); next != '\n'; next = in.readUnsignedByte()) {
        if (next != '\r') {
          line.append((char) next);
        }
        if (line.length() > MAX_LINE_BYTES) {
          throw new IOException("a header without an end");
        }
      }
      return line.toString();
    }
  }

  /**
   * @param arguments {@code echo}, {@code ping} (short blocks), {@code http}, {@code redis}, or {@code stream} and {@code redis-stream} (asked ahead), address, port, seed, and how many milliseconds to rest between two questions
   */
  public static void main(String[] arguments) throws Exception {
    AtomicReference<String> order = new AtomicReference<>("");
    Thread.ofPlatform().daemon().start(() -> listen(order));
    try (Session session = Session.begin(arguments)) {
      say("{\"connected\":true}");
      talk(session, Long.parseLong(arguments[4]), order);
    } catch (IOException e) {
      say("{\"failed\":\"%s\"}".formatted(e.toString().replaceAll("[\"\\\\]", "'")));
      System.exit(1);
    }
  }

  /** A connection that has answered once. */
  private record Session(
      Socket socket, DataInputStream in, OutputStream out, Conversation conversation)
      implements AutoCloseable {
    /** Tries again while the guest boots: nobody listens there, or whoever does for it, passt, finds nobody behind it. */
    static Session begin(String[] arguments) throws Exception {
      IOException last = new IOException("not tried");
      for (int attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
        Socket socket = new Socket();
        try {
          socket.connect(
              new InetSocketAddress(arguments[1], Integer.parseInt(arguments[2])), CONNECT_MILLIS);
          socket.setTcpNoDelay(true);
          socket.setSoTimeout(READ_MILLIS);
          // A header is read byte by byte: each would be a system call on a host that has better to
          // do.
          Session begun =
              new Session(
                  socket,
                  new DataInputStream(
                      new BufferedInputStream(socket.getInputStream(), BUFFER_BYTES)),
                  socket.getOutputStream(),
                  made(arguments[0], new Random(Long.parseLong(arguments[3]))));
          begun.ask();
          return begun;
        } catch (IOException e) {
          socket.close();
          last = e;
          Thread.sleep(200);
        }
      }
      throw last;
    }

    int ask() throws IOException {
      return conversation.ask(in, out);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private static Conversation made(String kind, Random random) {
    return switch (kind) {
      case "echo" -> new Echo(random, false);
      case "ping" -> new Echo(random, true);
      case "http" -> new Http(0);
      case "stream" -> new Http(QUESTIONS_AHEAD);
      case "redis" -> new RedisConversation(random, 0);
      case "redis-stream" -> new RedisConversation(random, SHORT_QUESTIONS_AHEAD);
      default -> throw new IllegalArgumentException(kind);
    };
  }

  private static void talk(Session session, long restMillis, AtomicReference<String> order)
      throws IOException, InterruptedException {
    long blocks = 0;
    long bytes = 0;
    long marked = System.nanoTime();
    long markedBlocks = 0;
    long markedBytes = 0;
    long[] micros = new long[MAX_SAMPLES];
    int samples = 0;
    long longest = 0;
    long last = System.nanoTime();
    while (true) {
      if (restMillis > 0) {
        Thread.sleep(restMillis);
        last = System.nanoTime();
      }
      bytes += session.ask();
      blocks++;
      long now = System.nanoTime();
      longest = Math.max(longest, now - last);
      micros[samples % MAX_SAMPLES] = (now - last) / 1_000;
      samples++;
      last = now;
      String told = order.getAndSet("");
      if (!told.isEmpty()) {
        long[] sorted = Arrays.copyOf(micros, Math.min(samples, MAX_SAMPLES));
        Arrays.sort(sorted);
        say(
            "{\"order\":\"%s\",\"blocks\":%d,\"bytes\":%d,\"longest_gap_micros\":%d,\"p50_micros\":%d,\"p99_micros\":%d,\"since_mark_blocks\":%d,\"since_mark_bytes\":%d,\"since_mark_micros\":%d}"
                .formatted(
                    told,
                    blocks,
                    bytes,
                    longest / 1_000,
                    sorted[sorted.length / 2],
                    sorted[(int) (sorted.length * 0.99)],
                    blocks - markedBlocks,
                    bytes - markedBytes,
                    (now - marked) / 1_000));
        marked = now;
        markedBlocks = blocks;
        markedBytes = bytes;
        samples = 0;
        longest = 0;
        if (told.equals("stop")) {
          return;
        }
      }
    }
  }

  private static void listen(AtomicReference<String> order) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        order.set(line.strip());
      }
    } catch (IOException e) {
      // The test is gone; so is what it would have told.
    }
    System.exit(2);
  }

  private static void say(String json) {
    System.out.println(json);
    System.out.flush();
  }
}
