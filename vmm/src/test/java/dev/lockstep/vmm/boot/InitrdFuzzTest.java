package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.boot.unpack.ByteSource;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any file as an initrd, through every unpacker: it is good, or refused as {@link BadImageException}; no more than its bound is unpacked. */
class InitrdFuzzTest {
  private static final long MAX_UNPACKED = 16 << 20;

  static Stream<byte[]> seeds() throws Exception {
    byte[] cpio = Images.cpio(Images.content(300, 1), new byte[5]);
    List<byte[]> seeds = new ArrayList<>();
    seeds.add(cpio);
    seeds.add(Fuzzing.joined(cpio, new byte[3], cpio));
    for (String packer :
        List.of(
            "gzip -c",
            "bzip2 -c",
            "xz -c --check=crc32",
            "xz -c --format=lzma",
            "lzop -c",
            "lz4 -l -c",
            "zstd -c")) {
      byte[] packed = Images.pack(cpio, List.of(packer.split(" ")));
      if (packed != null) {
        seeds.add(packed);
      }
    }
    return seeds.stream();
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void anInitrdOrRefused(byte[] data) throws IOException {
    try {
      InitrdCheck.check(ByteSource.of(data), MAX_UNPACKED);
    } catch (BadImageException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }
}
