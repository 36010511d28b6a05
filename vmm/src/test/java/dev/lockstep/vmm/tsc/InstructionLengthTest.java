package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class InstructionLengthTest {
  private static final int SHORT_RUN = 2 << 20;

  @TempDir Path folder = Path.of("unset");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "90",
        "c3",
        "0f31",
        "0f01f9",
        "e5e0",
        "f30f1efa",
        "0f1f440000",
        "660f1f840000000000",
        "2e662e0f1f840000000000",
        "48b8efcdab8967452301",
        "66b83412",
        "b878563412",
        "6648b8efcdab8967452301",
        "a1efcdab8967452301",
        "67a178563412",
        "c8100001",
        "c20800",
        "f60001",
        "f6d8",
        "f6d0",
        "f7042578563412efbeadde",
        "66f7003412",
        "48f70012345678",
        "0f20e0",
        "0f2044",
        "0f0b",
        "0f05",
        "0fb6c0",
        "0fbae007",
        "0fa4c105",
        "660f3a0fc105",
        "660f3800c1",
        "f20f38f0c1",
        "0f0f c1 b4",
        "c5f877",
        "c5f9efc0",
        "c4e37d39c101",
        "c4e2f1f7c2",
        "c5f970c11b",
        "62f17c4858c1",
        "62f17c48588480 00010000",
        "62f3fd4838c001",
        "62f57c4858c1",
        "f30fc7f8",
        "660f78c00102",
        "f20f78c10102",
        "0f78c1",
        "8f00",
        "8f8478 00000000",
        "ff142578563412",
        "e8 00000000",
        "66e8 00000000",
        "0f84 00000000",
        "480fc70e",
        "f0480fb10e",
        "0fae e8",
        "cd80",
        "6aff",
        "6812345678",
        "66681234",
        "f390",
        "d9f0",
        "9b"
      })
  void passesEachFormat(String hex) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    assertThat(new InstructionLength(code).at(0)).isEqualTo(code.length);
    byte[] padded = Arrays.copyOf(code, code.length + 16);
    assertThat(new InstructionLength(padded).at(0)).isEqualTo(code.length);
    for (int cut = 1; cut < code.length; cut++) {
      assertThat(new InstructionLength(Arrays.copyOf(code, cut)).at(0))
          .as("%s cut to %d bytes", hex, cut)
          .isEqualTo(InstructionLength.TRUNCATED);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "06",
        "60",
        "82c000",
        "9a",
        "d4",
        "ea",
        "0f04",
        "0f24c0",
        "0f39",
        "66c5f877",
        "48c5f877",
        "c4e077c0",
        "62f87c4858c1",
        "62f1784858c1",
        "8fe97801c1",
        "666666666666666666666666666666c3",
        "6666666666666666666666666681c000000000"
      })
  void refusesWhatIsNone(String hex) {
    byte[] code = Arrays.copyOf(HexFormat.of().parseHex(hex), 40);
    assertThat(new InstructionLength(code).at(0)).isEqualTo(InstructionLength.INVALID);
  }

  @Test
  void agreesWithObjdumpOnKernelText() throws IOException, InterruptedException {
    byte[] text = new DebianKernel((map, memory) -> "").bytes(".text");
    compare("kernel text (part)", Arrays.copyOf(text, SHORT_RUN));
  }

  @Test
  @Tag("long")
  void agreesWithObjdumpOnAllOfTheKernel() throws IOException, InterruptedException {
    DebianKernel kernel = new DebianKernel((map, memory) -> "");
    compare("kernel text", kernel.bytes(".text"));
    compare("kernel init text", kernel.bytes(".init.text"));
  }

  /** Code with AVX, AVX-512, BMI and SHA, which kernels have little of. */
  @Test
  void agreesWithObjdumpOnVectorCode() throws IOException, InterruptedException {
    Path library = Path.of("/usr/lib/x86_64-linux-gnu/libc.so.6");
    assumeTrue(Files.exists(library), "SKIPPED: no %s to compare on".formatted(library));
    byte[] whole = Files.readAllBytes(library);
    byte[] text = ElfText.of(whole, ".text");
    compare("libc text", text);
  }

  private void compare(String what, byte[] code) throws IOException, InterruptedException {
    Objdump.Listing listing = Objdump.list(folder, code);
    InstructionLength lengths = new InstructionLength(code);
    int instructions = 0;
    int disagreed = 0;
    StringBuilder first = new StringBuilder();
    int at = 0;
    while (at < code.length) {
      int length = lengths.at(at);
      int next = at + Math.max(1, length);
      instructions++;
      // FWAIT is listed together with the x87 instruction behind it; where either side finds no
      // instruction, both go on by a byte or so.
      boolean known = code[at] == (byte) 0x9b || length < 0 || listing.bad().get(at);
      if (!known
          && next < code.length - InstructionLength.MAX
          && listing.starts().nextSetBit(at + 1) != next) {
        disagreed++;
        if (disagreed <= 20) {
          first.append(
              "%n%x: %d, objdump %d: %s"
                  .formatted(
                      at,
                      length,
                      listing.starts().nextSetBit(at + 1) - at,
                      HexFormat.of().formatHex(code, at, Math.min(code.length, at + 15))));
        }
      }
      at = listing.starts().get(next) ? next : Math.max(next, listing.starts().nextSetBit(next));
      if (at < 0 || next >= code.length - InstructionLength.MAX) {
        break;
      }
    }
    System.out.printf(
        "campaign instruction lengths: %s: %d instructions, %d disagree with objdump%n",
        what, instructions, disagreed);
    assertThat(disagreed).as("%s", first).isZero();
  }
}
