package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.github.luben.zstd.Zstd;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any bytes as a trace file, with right checksums and packed columns where the first byte asks for them: its records are read, or it is refused as {@link VmmException}.
 */
class TraceFileFuzzTest {
  private static final int RAW = 0;
  private static final int COLUMNS = BlockColumns.Name.values().length;

  /** Ends a test of records that never end. */
  private static final long MAX_RECORDS = 1 << 20;

  @TempDir Path folder = Path.of("unset");

  private static byte[] header() {
    return new TraceHeader(
            "vm",
            1,
            1,
            "lockstep-v1",
            BranchSemantics.ALL_TRANSFERS,
            EnumSet.allOf(TraceKind.class),
            "all")
        .encode();
  }

  static Stream<byte[]> seeds() throws IOException {
    // A position, and code of one instruction: NOP and a jump to itself.
    return Stream.of(
        new byte[] {RAW},
        Fuzzing.joined(new byte[] {RAW}, whole(new byte[] {1, 0, 0, 0, 0})),
        new byte[] {1, 0, 2, 0, 1, 2, 0, 0},
        new byte[] {3, 0, 5, 0, 1, 1, 0, 2, 0, 9, 9});
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void recordsOrRefused(byte[] data) throws IOException {
    if (data.length == 0) {
      return;
    }
    Path file = folder.resolve("trace");
    Files.write(file, data[0] == RAW ? Arrays.copyOfRange(data, 1, data.length) : whole(data));
    long[] records = {0};
    try (TraceFile trace = new TraceFile(file)) {
      assertThat(trace.blocks().size()).isLessThanOrEqualTo((int) trace.bytes());
      trace.read(record -> {
        if (++records[0] > MAX_RECORDS) {
          throw new VmmException("more than are looked at", "");
        }
      });
    } catch (VmmException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  /** A file with blocks whose columns the data has, and an index if the first byte's bit 1 is set. */
  private static byte[] whole(byte[] data) throws IOException {
    ByteBuffer from = ByteBuffer.wrap(data);
    boolean indexed = (from.get() & 2) != 0;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(
        ByteBuffer.allocate(12).putLong(TraceWriter.MAGIC).putInt(TraceWriter.VERSION).array());
    section(out, TraceWriter.HEADER, header());
    ByteArrayOutputStream index = new ByteArrayOutputStream();
    int blocks = 0;
    while (from.hasRemaining() && blocks < 4) {
      byte[] summary = new byte[BlockSummary.BYTES];
      byte[] columns = columns(from);
      index.writeBytes(ByteBuffer.allocate(8).putLong(out.size()).array());
      index.writeBytes(summary);
      section(out, TraceWriter.BLOCK, Fuzzing.joined(summary, columns));
      blocks++;
    }
    if (indexed) {
      long at = out.size();
      byte[] count = ByteBuffer.allocate(4).putInt(blocks).array();
      section(
          out,
          TraceWriter.INDEX,
          from.hasRemaining() ? Fuzzing.piece(from) : Fuzzing.joined(count, index.toByteArray()));
      out.writeBytes(ByteBuffer.allocate(16).putLong(at).putLong(TraceWriter.END_MAGIC).array());
    }
    return out.toByteArray();
  }

  private static byte[] columns(ByteBuffer from) {
    ByteBuffer sizes = ByteBuffer.allocate(8 * COLUMNS);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int i = 0; i < COLUMNS; i++) {
      byte[] column = Fuzzing.piece(from);
      byte[] packed = Zstd.compress(column, 1);
      sizes.putInt(column.length).putInt(packed.length);
      all.writeBytes(packed);
    }
    return Fuzzing.joined(sizes.array(), all.toByteArray());
  }

  private static void section(ByteArrayOutputStream out, int kind, byte[] payload) {
    ByteBuffer section = ByteBuffer.allocate(TraceWriter.FRAME_BYTES + payload.length);
    section.put((byte) kind).putInt(payload.length).put(payload);
    section.putInt(TraceWriter.checksum(section.array(), section.position()));
    out.writeBytes(section.array());
  }
}
