package dev.lockstep.cli;

import dev.lockstep.vmm.disk.BlockStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Copies of disk images that take no more room than what is in them. */
final class SparseCopy {
  private static final int BLOCK = 64 << 10;

  private SparseCopy() {}

  /** Gives bytes by their place. */
  @FunctionalInterface
  private interface Source {
    /** Fills a buffer, or throws if there are not so many. */
    void read(ByteBuffer into, long at) throws IOException;
  }

  /**
   * Copies a disk as a machine sees it, which stands still.
   *
   * @param to is there already and is replaced
   */
  static void copy(BlockStore from, Path to) throws IOException {
    copy((into, at) -> from.read(at, into), from.sizeBytes(), to);
  }

  /**
   * Copies a file, leaving holes where it is zero.
   *
   * @param to is there already and is replaced
   */
  static void copy(Path from, Path to) throws IOException {
    try (FileChannel in = FileChannel.open(from, StandardOpenOption.READ)) {
      Source source =
          (into, at) -> {
            while (into.hasRemaining() && in.read(into, at + into.position()) >= 0) {
              // until it is full, or the file has become shorter
            }
            if (into.hasRemaining()) {
              throw new IOException("'%s' became shorter while it was copied".formatted(from));
            }
          };
      copy(source, in.size(), to);
    }
  }

  private static void copy(Source from, long size, Path to) throws IOException {
    try (FileChannel out =
        FileChannel.open(to, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer block = ByteBuffer.allocate(BLOCK);
      ByteBuffer zeros = ByteBuffer.allocate(BLOCK);
      for (long at = 0; at < size; ) {
        block.clear().limit((int) Math.min(BLOCK, size - at));
        from.read(block, at);
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
