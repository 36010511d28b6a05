package dev.lockstep.it.failover;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The guest memory of a replica's process, from outside, as a cosmic ray has it (proc(5), /proc/pid/maps and /proc/pid/mem). */
final class ProcessMemory {
  private static final int PIECE = 1 << 20;

  private ProcessMemory() {}

  /** What is done with each place. */
  private interface Place {
    void at(RandomAccessFile memory, long address) throws IOException;
  }

  /**
   * Flips the lowest bit of one letter of a word, wherever in guest memory the word is.
   *
   * @param letter which of its letters
   * @return how often it was found
   */
  static int flip(long pid, String word, int letter) throws IOException {
    byte[] wanted = word.getBytes(StandardCharsets.ISO_8859_1);
    byte[] now = new byte[wanted.length];
    return places(
            pid,
            wanted,
            (memory, address) -> {
              memory.seek(address);
              memory.readFully(now);
              // The guest runs on: buffers have something else by now.
              if (matches(now, 0, wanted)) {
                memory.seek(address + letter);
                memory.write(wanted[letter] ^ 1);
              }
            })
        .size();
  }

  /** Where in its mappings of guest memory a process has a word, for messages: each mapping's first address, and the offset in it. */
  static String whereabouts(long pid, String word) throws IOException {
    return "%d: %s"
        .formatted(
            pid, places(pid, word.getBytes(StandardCharsets.ISO_8859_1), (memory, address) -> {}));
  }

  private static List<String> places(long pid, byte[] word, Place place) throws IOException {
    List<String> found = new ArrayList<>();
    try (RandomAccessFile memory = open(pid)) {
      for (String mapping : Files.readAllLines(Path.of("/proc/%d/maps".formatted(pid)))) {
        if (mapping.contains("lockstep-memory-")) {
          String[] range = mapping.substring(0, mapping.indexOf(' ')).split("-", 2);
          long from = Long.parseLong(range[0], 16);
          for (long address : search(memory, from, Long.parseLong(range[1], 16), word)) {
            place.at(memory, address);
            found.add("%s+%#x".formatted(range[0], address - from));
          }
        }
      }
    }
    return found;
  }

  private static RandomAccessFile open(long pid) {
    try {
      return new RandomAccessFile("/proc/%d/mem".formatted(pid), "rw");
    } catch (IOException e) {
      assumeTrue(false, "SKIPPED: this user may not write another process's memory: " + e);
      throw new AssertionError(e);
    }
  }

  private static List<Long> search(RandomAccessFile memory, long from, long to, byte[] word)
      throws IOException {
    List<Long> found = new ArrayList<>();
    byte[] piece = new byte[PIECE + word.length];
    for (long at = from; at < to; at += PIECE) {
      int length = (int) Math.min(piece.length, to - at);
      memory.seek(at);
      memory.readFully(piece, 0, length);
      for (int i = 0; i < Math.min(PIECE, length - word.length + 1); i++) {
        if (matches(piece, i, word)) {
          found.add(at + i);
        }
      }
    }
    return found;
  }

  private static boolean matches(byte[] piece, int at, byte[] word) {
    for (int i = 0; i < word.length; i++) {
      if (piece[at + i] != word[i]) {
        return false;
      }
    }
    return true;
  }
}
