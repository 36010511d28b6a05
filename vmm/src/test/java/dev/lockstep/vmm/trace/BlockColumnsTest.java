package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import com.sun.management.ThreadMXBean;
import dev.lockstep.vmm.trace.BlockColumns.Name;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Columns in the file's form: what was written comes back, and what cannot be there costs no memory. */
class BlockColumnsTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int COLUMNS = Name.values().length;

  /** More than the refusal's message takes, and far less than is claimed. */
  private static final long LITTLE = 1 << 20;

  /** A block whose every column claims a size, and has the same packed bytes. */
  private static ByteBuffer block(int claimed, byte[] packed) {
    ByteBuffer block = ByteBuffer.allocate(COLUMNS * (2 * Integer.BYTES + packed.length));
    for (int i = 0; i < COLUMNS; i++) {
      block.putInt(claimed).putInt(packed.length);
    }
    for (int i = 0; i < COLUMNS; i++) {
      block.put(packed);
    }
    return block.flip();
  }

  @Test
  void whatWasWrittenComesBack() throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("BlockColumnsTest seed " + seed);
    Random random = new Random(seed);
    BlockColumns columns = new BlockColumns();
    byte[][] written = new byte[COLUMNS][];
    for (Name name : Name.values()) {
      // One is empty, the others of any length.
      written[name.ordinal()] = new byte[name == Name.EVENTS ? 0 : random.nextInt(1 << 16)];
      random.nextBytes(written[name.ordinal()]);
      columns.of(name).put(written[name.ordinal()]);
    }
    ByteBuffer packed = ByteBuffer.wrap(columns.pack());
    for (Name name : Name.values()) {
      byte[] whole = written[name.ordinal()];
      ColumnReader read = BlockColumns.unpack(packed, name);
      assertThat(read.get(whole.length)).as("%s", name).isEqualTo(whole);
      assertThat(read.hasMore()).isFalse();
    }
  }

  /** What zstd packs best of all is no more than it is held to be able to. */
  @Test
  void nothingIsPackedTooWellToBeRead() throws Exception {
    for (int size : new int[] {1, 1 << 17, (1 << 17) + 1, 1 << 22}) {
      for (int level : new int[] {1, 3, 19}) {
        ByteBuffer packed = block(size, Zstd.compress(new byte[size], level));
        byte[] whole = BlockColumns.unpack(packed, Name.VALUES).get(size);
        assertThat(Arrays.equals(whole, new byte[size])).isTrue();
      }
    }
  }

  @Test
  void aClaimCostsNoMemory() throws Exception {
    byte[] small = Zstd.compress(new byte[100], 1);
    refusedWithoutMemory("what stands for a hundred", block(BlockColumns.MAX_BYTES, small));
    refusedWithoutMemory("nothing", block(BlockColumns.MAX_BYTES, new byte[0]));
    refusedWithoutMemory("no zstd", block(BlockColumns.MAX_BYTES, new byte[1 << 14]));
    refusedWithoutMemory("more than may be", block(BlockColumns.MAX_BYTES + 1, small));
    // A frame's own header claims it, too (RFC 8878, section 3.1.1.1): one segment, its size in
    // four bytes; then nothing.
    byte[] claims = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, (byte) 0xa0, 0, 0, 0, 0x10};
    assertThat(Zstd.getFrameContentSize(claims)).isEqualTo(BlockColumns.MAX_BYTES);
    refusedWithoutMemory("a header", block(BlockColumns.MAX_BYTES, claims));
  }

  private static void refusedWithoutMemory(String what, ByteBuffer block) {
    // Loads what a refusal needs.
    assertThatThrownBy(() -> BlockColumns.unpack(block, Name.FLOW)).isNotNull();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    assertThatThrownBy(() -> BlockColumns.unpack(block, Name.FLOW))
        .as(what)
        .isInstanceOf(TraceFormatException.class)
        .hasMessageContaining("FLOW");
    assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).as(what).isLessThan(LITTLE);
  }
}
