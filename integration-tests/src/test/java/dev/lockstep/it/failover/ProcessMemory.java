package dev.lockstep.it.failover;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The guest memory of a replica's process, from outside, as a cosmic ray has it (proc(5), /proc/pid/maps and /proc/pid/mem). */
final class ProcessMemory {
  private static final int PIECE = 1 << 20;

  private ProcessMemory() {}

  /**
   * Flips the lowest bit of one letter of a word, wherever in guest memory the word is.
   *
   * @param letter which of its letters
   * @return how often it was found
   */
  static int flip(long pid, String word, int letter) throws IOException {
    byte[] wanted = word.getBytes(StandardCharsets.ISO_8859_1);
    int found = 0;
    try (RandomAccessFile memory = open(pid)) {
      for (String mapping : Files.readAllLines(Path.of("/proc/%d/maps".formatted(pid)))) {
        if (mapping.contains("lockstep-memory-")) {
          String[] range = mapping.substring(0, mapping.indexOf(' ')).split("-", 2);
          found +=
              flip(
                  memory,
                  Long.parseLong(range[0], 16),
                  Long.parseLong(range[1], 16),
                  wanted,
                  letter);
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

  private static int flip(RandomAccessFile memory, long from, long to, byte[] word, int letter)
      throws IOException {
    int found = 0;
    byte[] piece = new byte[PIECE + word.length];
    for (long at = from; at < to; at += PIECE) {
      int length = (int) Math.min(piece.length, to - at);
      memory.seek(at);
      memory.readFully(piece, 0, length);
      for (int i = 0; i < Math.min(PIECE, length - word.length + 1); i++) {
        if (matches(piece, i, word)) {
          memory.seek(at + i + letter);
          memory.write(word[letter] ^ 1);
          found++;
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
