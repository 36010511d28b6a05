package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;

/** A stream that unpacks block by block into an array of its own. */
abstract class UnpackingInput extends InputStream {
  private byte[] block = {};
  private int next;
  private int end;
  private boolean finished;

  /**
   * Unpacks the next block and hands it over by {@link #setBlock}.
   *
   * @return false if there is none: the packed data is at its end
   */
  abstract boolean unpack() throws IOException;

  /** The next bytes of the stream; none is fine. */
  final void setBlock(byte[] bytes, int length) {
    block = bytes;
    next = 0;
    end = length;
  }

  @Override
  public final int read() throws IOException {
    return ensure() ? block[next++] & 0xff : -1;
  }

  @Override
  public final int read(byte[] into, int from, int length) throws IOException {
    Objects.checkFromIndexSize(from, length, into.length);
    if (length == 0) {
      return 0;
    }
    if (!ensure()) {
      return -1;
    }
    int count = Math.min(length, end - next);
    System.arraycopy(block, next, into, from, count);
    next += count;
    return count;
  }

  private boolean ensure() throws IOException {
    while (next == end && !finished) {
      setBlock(block, 0);
      finished = !unpack();
    }
    return next < end;
  }
}
