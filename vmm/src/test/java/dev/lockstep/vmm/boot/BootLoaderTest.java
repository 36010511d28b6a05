package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a kernel finds in memory and registers. */
final class BootLoaderTest {
  private static final byte[] TEXT = Images.content(100_001, 1);
  private static final byte[] DATA = Images.content(30_000, 2);
  private static final byte[] ELF = Images.elf(TEXT, DATA);
  private static final byte[] SEED = {1, 2, 3, 4, 5};
  private static final long DATA_AT = Images.ENTRY + (TEXT.length + 0xfff & -0x1000);

  @TempDir Path folder;

  private final CpuState state = new CpuState();

  @Test
  void loadsVmlinuxWithEverything() throws IOException {
    GuestMemory memory = Images.memory(64);
    byte[] initrd = Images.cpio(Images.content(10_000, 3));
    BootResult result = load(ELF, initrd, "console=ttyS0 quiet", memory);

    assertThat(result.kernelFormat()).isEqualTo("vmlinux");
    assertThat(bytes(memory, Images.ENTRY, TEXT.length)).isEqualTo(TEXT);
    assertThat(bytes(memory, DATA_AT, DATA.length)).isEqualTo(DATA);
    assertThat(result.kernelEnd()).isEqualTo(DATA_AT + DATA.length + 0x3000);
    assertThat(result.initrdStart() % 4096).isZero();
    assertThat(result.initrdStart()).isEqualTo((64 << 20) - (initrd.length + 4095 & -4096));
    assertThat(bytes(memory, result.initrdStart(), initrd.length)).isEqualTo(initrd);

    long params = MachineLayout.BOOT_PARAMS;
    assertThat(memory.read16(params + 0x1fe)).isEqualTo(0xaa55);
    assertThat(memory.read8(params + 0x1ef)).as("sentinel").isZero();
    assertThat(memory.read8(params + 0x210)).as("type_of_loader").isEqualTo(0xff);
    assertThat(memory.read8(params + 0x211) & 1).as("LOADED_HIGH").isOne();
    assertThat(memory.read32(params + 0x218)).isEqualTo((int) result.initrdStart());
    assertThat(memory.read32(params + 0x21c)).isEqualTo(initrd.length);
    assertThat(text(memory, Integer.toUnsignedLong(memory.read32(params + 0x228))))
        .isEqualTo("console=ttyS0 quiet");
    long seed = memory.read64(params + 0x250);
    assertThat(memory.read64(seed)).as("no next setup_data").isZero();
    assertThat(memory.read32(seed + 8)).as("SETUP_RNG_SEED").isEqualTo(9);
    assertThat(memory.read32(seed + 12)).isEqualTo(SEED.length);
    assertThat(bytes(memory, seed + 16, SEED.length)).isEqualTo(SEED);
    for (int i = 0; i < 64; i++) {
      assertThat(memory.read8(params + i)).as("screen_info").isZero();
    }
  }

  @Test
  void leavesTheCpuInLongModeAtTheEntry() throws IOException {
    GuestMemory memory = Images.memory(64);
    load(ELF, null, "", memory);
    assertThat(state.rip).isEqualTo(Images.ENTRY);
    assertThat(state.gpr[6]).as("RSI").isEqualTo(MachineLayout.BOOT_PARAMS);
    assertThat(state.rflags).as("interrupts off").isEqualTo(2);
    assertThat(state.cr0).isEqualTo(0x8000_0011L);
    assertThat(state.cr4).isEqualTo(0x20);
    assertThat(state.efer).isEqualTo(0x500);
    assertThat(state.segments[CpuState.CS].selector).isEqualTo(0x10);
    assertThat(state.segments[CpuState.CS].isLong()).isTrue();
    for (int segment : new int[] {CpuState.DS, CpuState.ES, CpuState.SS}) {
      assertThat(state.segments[segment].selector).isEqualTo(0x18);
      assertThat(state.segments[segment].limit).isEqualTo(0xffff_ffffL);
    }
    // A reload of the selectors gives what the registers have.
    assertThat(memory.read64(state.gdtBase + 0x10)).isEqualTo(0x00af_9b00_0000_ffffL);
    assertThat(memory.read64(state.gdtBase + 0x18)).isEqualTo(0x00cf_9300_0000_ffffL);
    assertThat(state.gdtLimit).isEqualTo(0x1f);
    for (long address : new long[] {0, 0x1234_5678L, 0xbfff_ffffL, 0xffff_ffffL}) {
      assertThat(translate(memory, address)).isEqualTo(address);
    }
  }

  @Test
  void describesMemoryOnBothSidesOfTheHole() throws IOException {
    GuestMemory small = Images.memory(64);
    load(ELF, null, "", small);
    assertThat(e820(small)).containsExactly("0+9fc00:1", "9fc00+60400:2", "100000+3f00000:1");
    long bytes = MachineLayout.HOLE_START + (512L << 20);
    GuestMemory large =
        new GuestMemory(
            SparseMemory.map(folder.resolve("memory"), bytes), MachineLayout.memoryRegions(bytes));
    BootResult result = load(ELF, Images.cpio(), "", large);
    assertThat(e820(large))
        .containsExactly("0+9fc00:1", "9fc00+60400:2", "100000+bff00000:1", "100000000+20000000:1");
    assertThat(result.initrdStart()).as("below initrd_addr_max").isEqualTo(0x7fff_f000L);
  }

  @Test
  void takesTheHeaderOfABzImageUpToItsEnd() throws IOException {
    GuestMemory memory = Images.memory(64);
    BootResult result = load(Images.bzImage(Images.withSize(ELF, ELF.length)), null, "", memory);
    assertThat(result.kernelFormat()).isEqualTo("bzImage 2.15, not packed");
    long params = MachineLayout.BOOT_PARAMS;
    assertThat(memory.read16(params + 0x206)).isEqualTo(0x20f);
    assertThat(memory.read64(params + 0x258)).isEqualTo(Images.ENTRY);
    assertThat(memory.read32(params + 0x280)).as("what follows is code").isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gzip -n -f -9 -c",
        "bzip2 -9 -c",
        "xz --format=lzma -9 -c",
        "xz --check=crc32 --x86 --lzma2=dict=32MiB -c",
        "lzop -9 -c",
        "lz4 -l -9 -c",
        "zstd -19 -c"
      })
  void unpacksBzImages(String command) throws Exception {
    List<String> words = List.of(command.split(" "));
    byte[] packed = Images.pack(ELF, words);
    assumeTrue(packed != null, "SKIPPED: the program " + words.getFirst() + " is not installed");
    if (packed == null) {
      return;
    }
    byte[] payload = command.startsWith("gzip") ? packed : Images.withSize(packed, ELF.length);
    GuestMemory memory = Images.memory(64);
    BootResult result = load(Images.bzImage(payload), null, "", memory);
    assertThat(bytes(memory, Images.ENTRY, TEXT.length)).isEqualTo(TEXT);
    assertThat(bytes(memory, DATA_AT, DATA.length)).isEqualTo(DATA);
    assertThat(result.kernelDigest())
        .isEqualTo(load(ELF, null, "", Images.memory(64)).kernelDigest());
  }

  @Test
  void digestsTellBootsApart() throws IOException {
    BootResult first = load(ELF, null, "a", Images.memory(64));
    BootResult same = load(ELF, null, "a", Images.memory(64));
    BootResult otherLine = load(ELF, null, "b", Images.memory(64));
    BootResult otherMemory = load(ELF, null, "a", Images.memory(65));
    byte[] changed = ELF.clone();
    changed[0x2000] ^= 1;
    BootResult otherKernel = load(changed, null, "a", Images.memory(64));
    assertThat(same).isEqualTo(first);
    assertThat(otherLine.kernelDigest()).isEqualTo(first.kernelDigest());
    assertThat(otherKernel.kernelDigest()).isNotEqualTo(first.kernelDigest());
    assertThat(List.of(otherLine.digest(), otherMemory.digest(), otherKernel.digest()))
        .doesNotContain(first.digest())
        .doesNotHaveDuplicates();
  }

  private BootResult load(
      byte[] kernel, byte @Nullable [] initrd, String commandLine, GuestMemory memory)
      throws IOException {
    Path kernelFile = Images.write(folder.resolve("kernel"), kernel);
    Path initrdFile = initrd == null ? null : Images.write(folder.resolve("initrd"), initrd);
    return BootLoader.load(
        new BootOptions(kernelFile, initrdFile, commandLine, SEED), memory, state);
  }

  private static byte[] bytes(GuestMemory memory, long at, int length) {
    byte[] bytes = new byte[length];
    memory.read(at, bytes, 0, length);
    return bytes;
  }

  private static String text(GuestMemory memory, long at) {
    StringBuilder text = new StringBuilder();
    for (long i = at; memory.read8(i) != 0; i++) {
      text.append((char) memory.read8(i));
    }
    return text.toString();
  }

  private static List<String> e820(GuestMemory memory) {
    List<String> entries = new ArrayList<>();
    for (int i = 0; i < memory.read8(MachineLayout.BOOT_PARAMS + 0x1e8); i++) {
      long at = MachineLayout.BOOT_PARAMS + 0x2d0 + 20L * i;
      entries.add(
          "%x+%x:%d".formatted(memory.read64(at), memory.read64(at + 8), memory.read32(at + 16)));
    }
    return entries;
  }

  /** Walks the page tables as the CPU does (4 levels, 2-MiB pages). */
  private long translate(GuestMemory memory, long linear) {
    long table = state.cr3;
    for (int shift = 39; shift >= 21; shift -= 9) {
      long entry = memory.read64((table & -4096) + 8 * (linear >>> shift & 511));
      assertThat(entry & 3).as("present and writable at level of bit %d", shift).isEqualTo(3);
      table = entry & 0x000f_ffff_ffff_f000L;
      if (shift == 21) {
        assertThat(entry & 0x80).as("large page").isNotZero();
      }
    }
    return table + (linear & 0x1f_ffff);
  }
}
