package dev.lockstep.kvm.code;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Code that was written runs, sees Java's arrays, and no page of it is both writable and executable. */
final class CodeMemoryTest {
  private static final int PAGE = 4096;

  private static void write(CodeMemory memory, int at, String hex) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    MemorySegment.copy(code, 0, memory.written(), ValueLayout.JAVA_BYTE, at, code.length);
  }

  @Test
  void writtenCodeSeesArrays() {
    assumeTrue(System.getProperty("os.arch").equals("amd64"), "the code is for x86-64");
    long[][] arrays = {{1, 0}, {20}, {300}, {4000}, {50_000}};
    MemorySegment[] segments = new MemorySegment[arrays.length];
    for (int i = 0; i < arrays.length; i++) {
      segments[i] = MemorySegment.ofArray(arrays[i]);
    }
    try (CodeMemory memory = new CodeMemory("test", PAGE)) {
      // MOV RAX, R9; ADD RAX, [RDI], [RSI], [RDX], [RCX], [R8]; MOV [RDI + 8], RAX; RET.
      write(memory, 64, "4c 89 c8 48 03 07 48 03 06 48 03 02 48 03 01 49 03 00 48 89 47 08 c3");
      assertThat(memory.address(64)).isEqualTo(memory.function(64).address());
      CodeCall.call(
          memory.function(64),
          segments[0],
          segments[1],
          segments[2],
          segments[3],
          segments[4],
          600_000);
      assertThat(arrays[0]).containsExactly(1, 654_321);
      // Changed, it is executed changed: MOV QWORD [RDI], 7; RET.
      write(memory, 64, "48 c7 07 07 00 00 00 c3");
      MemorySegment first = segments[0];
      CodeCall.call(memory.function(64), first, first, first, first, first, 0);
      assertThat(arrays[0][0]).isEqualTo(7);
    }
  }

  @Test
  void noPageIsWritableAndExecutable() throws IOException {
    try (CodeMemory memory = new CodeMemory("lockstep-w-xor-x", 4 * PAGE)) {
      assertThat(memory.written().byteSize()).isEqualTo(4 * PAGE);
      assertThat(mappings())
          .hasSize(2)
          .anyMatch(m -> m.equals("r-xs"))
          .anyMatch(m -> m.equals("rw-s"));
    }
    assertThat(mappings()).isEmpty();
  }

  private static List<String> mappings() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains("lockstep-w-xor-x"))
        .map(line -> line.split(" ")[1])
        .toList();
  }
}
