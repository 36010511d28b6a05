package dev.lockstep.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Copies of disk images that take no more room than what is in them. */
final class SparseCopy {
  private static final int BLOCK = 64 << 10;

  private SparseCopy() {}

  /**
   * Copies a file, leaving holes where it is zero.
   *
   * @param to is there already and is replaced
   */
  static void copy(Path from, Path to) throws IOException {
    try (FileChannel in = FileChannel.open(from, StandardOpenOption.READ);
        FileChannel out =
            FileChannel.open(to, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      long size = in.size();
      ByteBuffer block = ByteBuffer.allocate(BLOCK);
      ByteBuffer zeros = ByteBuffer.allocate(BLOCK);
      for (long at = 0; at < size; ) {
        block.clear().limit((int) Math.min(BLOCK, size - at));
        while (block.hasRemaining() && in.read(block, at + block.position()) >= 0) {
          // until it is full, or the file has become shorter
        }
        if (block.hasRemaining()) {
          throw new IOException("'%s' became shorter while it was copied".formatted(from));
        }
        block.flip();
        if (block.mismatch(zeros.clear().limit(block.limit())) >= 0) {
          for (long target = at; block.hasRemaining(); ) {
            target += out.write(block, target);
          }
        }
        at += block.limit();
      }
      if (out.size() < size) {
        out.write(ByteBuffer.allocate(1), size - 1);
      }
    }
  }
}
