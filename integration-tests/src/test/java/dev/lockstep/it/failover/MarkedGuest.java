package dev.lockstep.it.failover;

import dev.lockstep.ft.console.ConsoleClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A guest whose shell prints numbered lines, each with the same word, which it keeps in a variable; and its console as somebody outside reads it, by byte offset,
 * from whichever replica serves it. A bit that flips in the word shows in the next line.
 */
final class MarkedGuest implements AutoCloseable {
  /** What a word begins with; behind it come as many letters as the pattern says. */
  static final String PREFIX = "mark-";

  private static final int CONNECT_MILLIS = 5_000;
  private static final int RETRY_MILLIS = 20;
  private static final Pattern LINE = Pattern.compile("(mark-\\p{ASCII}{12}) (\\d+)\r?");

  private final List<InetSocketAddress> consoles = new ArrayList<>();
  private final List<String> words = new ArrayList<>();
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final Thread reader;
  private long offset;
  private long lines;
  private String wrong = "";
  private boolean closed;

  MarkedGuest() {
    reader = Thread.ofVirtual().name("console-reader").start(this::read);
  }

  /**
   * What the guest runs. It waits without a process of its own: a fork would have the kernel move the shell's pages, with the word, while somebody looks for them one after the other, and a flip would
   * meet only what is left behind.
   */
  static String command(String word) {
    return "M=%s; i=1; while :; do echo $M $i; i=$((i+1)); read -t 0.02 _; done".formatted(word);
  }

  /** One more replica that may have the console. */
  synchronized void at(int port) {
    consoles.add(new InetSocketAddress("127.0.0.1", port));
  }

  private void read() {
    for (int next = 0; ; next++) {
      InetSocketAddress from;
      long at;
      synchronized (this) {
        if (closed) {
          return;
        }
        at = offset;
        from = consoles.isEmpty() ? null : consoles.get(next % consoles.size());
      }
      if (from != null) {
        try (ConsoleClient client = ConsoleClient.connect(from, at, CONNECT_MILLIS)) {
          byte[] buffer = new byte[4096];
          for (int n = client.read(buffer); n > 0; n = client.read(buffer)) {
            take(buffer, n);
          }
        } catch (IOException e) {
          // Nobody serves there now: the other one.
        }
      }
      try {
        Thread.sleep(RETRY_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private synchronized void take(byte[] bytes, int length) {
    offset += length;
    for (int i = 0; i < length; i++) {
      if (bytes[i] == '\n') {
        check(line.toString(StandardCharsets.ISO_8859_1));
        line.reset();
      } else {
        line.write(bytes[i]);
      }
    }
    notifyAll();
  }

  private void check(String text) {
    Matcher matcher = LINE.matcher(text);
    if (!matcher.matches()) {
      if (lines > 0) {
        wrong += "[%s]".formatted(text);
      }
      return;
    }
    if (Long.parseLong(matcher.group(2)) != lines + 1) {
      wrong += "[%s after line %d]".formatted(text, lines);
    }
    lines = Long.parseLong(matcher.group(2));
    if (words.isEmpty() || !words.getLast().equals(matcher.group(1))) {
      words.add(matcher.group(1));
    }
  }

  /** The VM is started again: its console begins with nothing, at replicas that are still to be named. */
  synchronized void powerOn() {
    consoles.clear();
    words.clear();
    line.reset();
    offset = 0;
    lines = 0;
  }

  /** Waits for so many more lines. */
  synchronized void awaitLines(int more, long timeoutMillis) throws InterruptedException {
    long wanted = lines + more;
    long deadline = System.nanoTime() + timeoutMillis * 1_000_000;
    while (lines < wanted) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new AssertionError("line %d instead of %d; %s".formatted(lines, wanted, wrong));
      }
      wait(left);
    }
  }

  /** The last line's number. */
  synchronized long lines() {
    return lines;
  }

  /** The words that the lines had, one after the other. */
  synchronized List<String> words() {
    return List.copyOf(words);
  }

  /** Lines that are lost, repeated or no lines at all. */
  synchronized String wrong() {
    return wrong;
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    reader.interrupt();
  }
}
