package dev.lockstep.vmm.trace;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a block of a trace file has, as its own head and the index say.
 *
 * @param instruction where it begins: {@link TracePosition#instruction}
 * @param branchCount the branch count there
 * @param nanos virtual time there
 * @param code how many pieces of code earlier blocks have defined
 * @param counts how many records there are of each {@link TraceKind}; branches are not counted
 */
public record BlockSummary(
    long instruction, long branchCount, long nanos, int code, long[] counts) {
  static final int BYTES = 3 * Long.BYTES + Integer.BYTES + TraceKind.values().length * Long.BYTES;

  public BlockSummary {
    counts = counts.clone();
  }

  @Override
  public long[] counts() {
    return counts.clone();
  }

  /** How many records of a kind. */
  public long count(TraceKind kind) {
    return counts[kind.ordinal()];
  }

  void write(ByteBuffer out) {
    out.putLong(instruction).putLong(branchCount).putLong(nanos).putInt(code);
    for (long count : counts) {
      out.putLong(count);
    }
  }

  static BlockSummary read(ByteBuffer in) throws TraceFormatException {
    if (in.remaining() < BYTES) {
      throw new TraceFormatException("a block without a summary");
    }
    long instruction = in.getLong();
    long branchCount = in.getLong();
    long nanos = in.getLong();
    int code = in.getInt();
    long[] counts = new long[TraceKind.values().length];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = in.getLong();
    }
    if (code < 0) {
      throw new TraceFormatException("a block after %d pieces of code".formatted(code));
    }
    return new BlockSummary(instruction, branchCount, nanos, code, counts);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof BlockSummary that
        && instruction == that.instruction
        && branchCount == that.branchCount
        && nanos == that.nanos
        && code == that.code
        && Arrays.equals(counts, that.counts);
  }

  @Override
  public int hashCode() {
    return 31 * Long.hashCode(instruction) + Arrays.hashCode(counts);
  }
}
