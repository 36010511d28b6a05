package dev.lockstep.vmm.debug;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * The frames of gdb's remote serial protocol (GDB manual, E.1): {@code $data#checksum}, acknowledged by {@code +} until the client asks for none, {@code }} before an escaped byte, and byte 3 between packets as an
 * interrupt. What is no packet is skipped; a packet with a wrong checksum, or one that is too long, is asked for again.
 */
final class PacketLink {
  /** The most bytes of a packet's data. */
  static final int MAX_PACKET_BYTES = 0x4000;

  private static final int MAX_WAITING = 64;
  private static final int INTERRUPT = 3;
  private static final int ESCAPE = '}';
  private static final int ESCAPED_BY = 0x20;

  /** What the client asks, or that it has gone. */
  private record Received(@Nullable String data) {}

  private final InputStream in;
  private final OutputStream out;
  private final Runnable interrupt;
  private final BlockingQueue<Received> received = new LinkedBlockingQueue<>(MAX_WAITING);
  private volatile boolean acknowledging = true;
  private String lastFrame = "";

  /**
   * @param interrupt called on the reading thread
   */
  PacketLink(InputStream in, OutputStream out, Runnable interrupt) {
    this.in = new BufferedInputStream(in);
    this.out = out;
    this.interrupt = interrupt;
  }

  /** Reads until the connection ends; on a thread of its own. */
  void listen() {
    try {
      while (true) {
        int next = in.read();
        switch (next) {
          case -1 -> throw new EOFException();
          case INTERRUPT -> interrupt.run();
          case '$' -> packet();
          case '-' -> again();
          default -> {
            // An acknowledgement, or noise.
          }
        }
      }
    } catch (IOException e) {
      offer(new Received(null));
    }
  }

  private void packet() throws IOException {
    StringBuilder data = new StringBuilder();
    int sum = 0;
    boolean tooLong = false;
    int next = in.read();
    while (next != '#') {
      if (next < 0) {
        throw new EOFException();
      }
      if (next == '$') {
        // The end of the one before was lost.
        data.setLength(0);
        sum = 0;
        tooLong = false;
        next = in.read();
        continue;
      }
      sum += next;
      int value = next;
      if (next == ESCAPE) {
        int escaped = in.read();
        sum += escaped;
        value = escaped ^ ESCAPED_BY;
      }
      tooLong |= data.length() >= MAX_PACKET_BYTES;
      if (!tooLong) {
        data.append((char) (value & 0xff));
      }
      next = in.read();
    }
    int claimed = Character.digit(in.read(), 16) << 4 | Character.digit(in.read(), 16);
    boolean good = claimed == (sum & 0xff) && !tooLong;
    if (acknowledging) {
      write(good ? "+" : "-");
    }
    if (good) {
      synchronized (this) {
        lastFrame = "";
      }
      offer(new Received(data.toString()));
    }
  }

  private void offer(Received one) {
    try {
      received.put(one);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The next packet's data, each byte a character; null when the client has gone. */
  @Nullable String next() throws InterruptedException {
    return received.take().data();
  }

  /** Sends a packet. A client that has gone is seen by {@link #next}. */
  void send(String data) {
    StringBuilder frame = new StringBuilder(data.length() + 4).append('$');
    int sum = 0;
    for (int i = 0; i < data.length(); i++) {
      char value = data.charAt(i);
      if (value == '#' || value == '$' || value == ESCAPE || value == '*') {
        frame.append((char) ESCAPE);
        sum += ESCAPE;
        value ^= ESCAPED_BY;
      }
      frame.append(value);
      sum += value;
    }
    frame.append("#%02x".formatted(sum & 0xff));
    synchronized (this) {
      lastFrame = frame.toString();
    }
    try {
      write(frame.toString());
    } catch (IOException e) {
      // The reader sees it too.
    }
  }

  /** No acknowledgements from now on. */
  void withoutAcknowledgements() {
    acknowledging = false;
  }

  /** The client asks for the answer again, which it may do while there is none yet. */
  private void again() throws IOException {
    String frame;
    synchronized (this) {
      frame = lastFrame;
    }
    if (acknowledging) {
      write(frame);
    }
  }

  private synchronized void write(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.ISO_8859_1));
    out.flush();
  }
}
