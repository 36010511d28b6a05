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

/** Any file as a kernel, with its sections: it is refused as {@link BadImageException}, or every segment lies within what it has, in order. */
class KernelImageFuzzTest {
  static Stream<byte[]> seeds() throws Exception {
    byte[] elf = Images.elf(new byte[64], new byte[32]);
    List<byte[]> seeds = new ArrayList<>();
    seeds.add(elf);
    seeds.add(Images.bzImage(Images.withSize(elf, elf.length)));
    for (String packer :
        List.of(
            "gzip -c",
            "bzip2 -c",
            "xz -c --check=crc32",
            "xz -c --format=lzma",
            "lzop -c",
            "lz4 -l -c",
            "zstd -c")) {
      byte[] packed = Images.pack(elf, List.of(packer.split(" ")));
      if (packed != null) {
        seeds.add(
            Images.bzImage(
                packer.startsWith("gzip") ? packed : Images.withSize(packed, elf.length)));
      }
    }
    return seeds.stream();
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aKernelOrRefused(byte[] data) throws IOException {
    KernelImage image;
    try {
      image = KernelImage.read(ByteSource.of(data));
      ElfSections.read(image.content(), image.elf());
    } catch (BadImageException e) {
      assertThat(e.getMessage()).isNotBlank();
      return;
    }
    long before = 0;
    for (ElfImage.Segment segment : image.elf().segments()) {
      assertThat(segment.physical()).isGreaterThanOrEqualTo(before);
      assertThat(segment.offset() + segment.fileSize()).isLessThanOrEqualTo(image.content().size());
      assertThat(segment.memorySize()).isGreaterThanOrEqualTo(segment.fileSize());
      before = segment.end();
    }
  }
}
