package dev.lockstep.it.network;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Writes and reads keys of a redis that nobody else talks to, some commands in one go, and knows what each must answer: a write that was confirmed and is gone, or came twice, shows. By the protocol that redis calls RESP2
 * (redis.io, Redis serialization protocol specification).
 */
final class RedisConversation implements Conversation {
  private static final int COMMANDS = 16;
  private static final int KEYS = 1_000;
  private static final int VALUE_BYTES = 100;
  private static final byte[] OK = ascii("+OK\r\n");
  private static final byte[] NOTHING = ascii("$-1\r\n");

  private final Random random;

  /** Of what was asked and not answered yet. */
  private final Queue<byte[]> expected = new ArrayDeque<>();

  private final int ahead;
  private final byte[][] values = new byte[KEYS][];
  private long counted;

  /**
   * @param ahead how many questions wait at the service while it answers one
   */
  RedisConversation(Random random, int ahead) {
    this.random = random;
    this.ahead = ahead;
  }

  @Override
  public int ask(DataInputStream in, OutputStream out) throws IOException {
    while (expected.size() <= ahead) {
      ByteArrayOutputStream question = new ByteArrayOutputStream();
      ByteArrayOutputStream answer = new ByteArrayOutputStream();
      for (int i = 0; i < COMMANDS; i++) {
        answer.writeBytes(command(question));
      }
      expected.add(answer.toByteArray());
      out.write(question.toByteArray());
    }
    byte[] wanted = expected.remove();
    hear(in, wanted);
    return wanted.length;
  }

  /** Adds a command to a question; its answer. */
  private byte[] command(ByteArrayOutputStream question) {
    int key = random.nextInt(KEYS);
    String name = "key:" + key;
    switch (random.nextInt(4)) {
      case 0 -> {
        byte[] value = new byte[VALUE_BYTES];
        random.nextBytes(value);
        values[key] = value;
        say(question, ascii("SET"), ascii(name), value);
        return OK;
      }
      case 1 -> {
        say(question, ascii("INCR"), ascii("counted"));
        counted++;
        return ascii(":" + counted + "\r\n");
      }
      default -> {
        say(question, ascii("GET"), ascii(name));
        byte @Nullable [] value = values[key];
        return value == null ? NOTHING : bulk(value);
      }
    }
  }

  private static void say(ByteArrayOutputStream question, byte[]... words) {
    question.writeBytes(ascii("*" + words.length + "\r\n"));
    for (byte[] word : words) {
      question.writeBytes(bulk(word));
    }
  }

  private static byte[] bulk(byte[] bytes) {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    said.writeBytes(ascii("$" + bytes.length + "\r\n"));
    said.writeBytes(bytes);
    said.writeBytes(ascii("\r\n"));
    return said.toByteArray();
  }

  /** An answer that differs is told at once: it may be shorter than the one that should come. */
  private static void hear(DataInputStream in, byte[] wanted) throws IOException {
    byte[] heard = new byte[wanted.length];
    for (int got = 0; got < heard.length; ) {
      int read = in.read(heard, got, heard.length - got);
      if (read < 0) {
        throw new EOFException("redis has closed the connection");
      }
      int differs = Arrays.mismatch(heard, got, got + read, wanted, got, got + read);
      if (differs >= 0) {
        String shown = new String(heard, got, read, StandardCharsets.ISO_8859_1);
        throw new IOException(
            "redis answers otherwise from byte %d of %d: %.80s"
                .formatted(got + differs, wanted.length, shown.strip()));
      }
      got += read;
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
