package dev.lockstep.vmm.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.github.luben.zstd.Zstd;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.MomentCodec;
import dev.lockstep.vmm.log.RandomEntries;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any bytes as a checkpoint, with right checksums where the first byte asks for them: it is read to its end, every page and block within the array that it comes in, or refused as {@link IOException} or
 * {@link VmmException}.
 */
class CheckpointFuzzTest {
  private static final int RAW = 0;
  private static final int PACKED = 0x80;

  static Stream<byte[]> seeds() throws IOException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    CheckpointWriter writer =
        new CheckpointWriter(new DataOutputStream(whole), RandomEntries.header());
    writer.blocks(0, 4096, new byte[512], 512);
    writer.state(new byte[] {1, 2, 3});
    writer.end(new MachineDigest(1, 2, 3, List.of(4L)));
    byte[] pages = ByteBuffer.allocate(8 + GuestMemory.PAGE_SIZE).putInt(1).putInt(7).array();
    ByteArrayOutputStream end = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(end);
    out.writeLong(1);
    MomentCodec.write(out, new MachineDigest(1, 2, 3, List.of()));
    return Stream.of(
        Fuzzing.joined(new byte[] {RAW}, whole.toByteArray()),
        Fuzzing.joined(
            new byte[] {1},
            section(CheckpointFormat.PAGES | PACKED, pages),
            section(CheckpointFormat.STATE, new byte[] {1}),
            section(CheckpointFormat.END, end.toByteArray())),
        Fuzzing.joined(
            new byte[] {1},
            section(CheckpointFormat.BLOCKS | PACKED, new byte[100]),
            section(9, new byte[2])));
  }

  private static byte[] section(int type, byte[] payload) {
    return Fuzzing.joined(new byte[] {(byte) type}, Fuzzing.prefixed(payload));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void readToItsEndOrRefused(byte[] data) {
    if (data.length == 0) {
      return;
    }
    int[] sections = {0};
    try {
      CheckpointReader reader =
          new CheckpointReader(new DataInputStream(new ByteArrayInputStream(stream(data))));
      boolean more = true;
      while (more) {
        more = reader.next(new Within());
        sections[0]++;
      }
    } catch (IOException | VmmException e) {
      // Refused.
    }
    assertThat(sections[0]).isLessThanOrEqualTo(data.length);
  }

  private static byte[] stream(byte[] data) throws IOException {
    ByteBuffer from = ByteBuffer.wrap(data);
    if (from.get() == RAW) {
      byte[] rest = new byte[from.remaining()];
      from.get(rest);
      return rest;
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeLong(CheckpointFormat.MAGIC);
    out.writeInt(CheckpointFormat.VERSION);
    write(out, CheckpointFormat.HEADER, RandomEntries.header().encode());
    while (from.hasRemaining()) {
      int type = from.get() & 0xff;
      byte[] payload = Fuzzing.piece(from);
      if ((type & PACKED) != 0) {
        // What the fuzzer says, packed so that it is seen behind the unpacking.
        byte[] packed = Zstd.compress(payload, 1);
        payload = ByteBuffer.allocate(4 + packed.length).putInt(payload.length).put(packed).array();
      }
      write(out, type & ~PACKED, payload);
    }
    return bytes.toByteArray();
  }

  private static void write(DataOutputStream out, int type, byte[] payload) throws IOException {
    out.writeByte(type);
    out.writeInt(payload.length);
    out.write(payload);
    out.writeInt(CheckpointFormat.crc(type, payload, payload.length));
  }

  private static final class Within implements CheckpointReader.Target {
    @Override
    public void page(int page, byte[] bytes, int from) {
      assertThat(page).isNotNegative();
      assertThat(from).isBetween(0, bytes.length - GuestMemory.PAGE_SIZE);
    }

    @Override
    public void blocks(int disk, long offset, byte[] bytes, int from, int length) {
      assertThat(disk).isNotNegative();
      assertThat(offset).isNotNegative();
      assertThat(length).isNotNegative();
      assertThat(from).isBetween(0, bytes.length - length);
    }

    @Override
    public void state(byte[] state) {
      assertThat(state).isNotNull();
    }

    @Override
    public void end(MachineDigest digest) {
      assertThat(digest).isNotNull();
    }
  }
}
