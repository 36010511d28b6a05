package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.boot.KernelMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Objects;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RdtscSitesTest {
  private static final long BASE = 0xffffffff81000000L;

  @TempDir Path folder = Path.of("unset");

  private static RdtscSites scan(String hex, long... boundaries) {
    byte[] code = HexFormat.of().parseHex(hex.replace(" ", ""));
    long[] addresses = boundaries.clone();
    for (int i = 0; i < addresses.length; i++) {
      addresses[i] += BASE;
    }
    return RdtscSites.find(".text", code, BASE, 0x100_0000, Boundaries.of(addresses));
  }

  @Test
  void findsInstructionsNotBytes() {
    // mov $0x310f310f,%eax; rdtsc; lea 0x310f(%rax),%eax; rdtscp; ret
    RdtscSites found = scan("b8 0f310f31 0f31 8d80 0f310000 0f01f9 c3", 0);
    assertThat(found.sites())
        .containsExactly(
            new TscSite(".text", BASE + 5, 0x100_0005, 2, TscSite.Kind.RDTSC),
            new TscSite(".text", BASE + 13, 0x100_000d, 3, TscSite.Kind.RDTSCP));
    assertThat(found.rejected()).containsExactly(BASE + 1, BASE + 3, BASE + 9);
    assertThat(found.resynchronised()).isZero();
  }

  @Test
  void takesPrefixesAsPartOfIt() {
    assertThat(scan("480f31 f30f31 c3", 0).sites())
        .extracting(TscSite::length)
        .containsExactly(3, 3);
  }

  @Test
  void findsItsStepAgainBehindData() {
    // ret; two bytes of data that look like the beginning of a MOV; rdtsc at a function's start;
    // ret
    RdtscSites found = scan("c3 48b8 0f31 c3 9090909090909090", 0, 3);
    assertThat(found.sites()).extracting(TscSite::virtual).containsExactly(BASE + 3);
    assertThat(found.resynchronised()).isEqualTo(1);
  }

  @Test
  void doesNotBelieveWhatNoBoundaryLeadsTo() {
    // Bytes that begin no instruction lie between the only boundary and the match.
    RdtscSites found = scan("c3 06 0f31 c3", 0);
    assertThat(found.sites()).isEmpty();
    assertThat(found.rejected()).containsExactly(BASE + 2);
  }

  @Test
  void matchesAtTheEndsAreNoted() {
    assertThat(scan("0f31", 0).sites()).hasSize(1);
    assertThat(scan("b0 0f 31", 0).rejected()).containsExactly(BASE + 1);
    assertThat(scan("0f", 0).sites()).isEmpty();
  }

  /** As many as GNU binutils' disassembler finds, at the same addresses. */
  @Test
  void debianKernel() throws IOException, InterruptedException {
    DebianKernel kernel = new DebianKernel((map, memory) -> "");
    RdtscSites found = RdtscSites.find(kernel.map(), kernel.memory);
    System.out.printf("campaign rdtsc sites: Debian kernel: %s%n", found.summary());
    assertThat(found.undecodable()).isLessThan(100);
    for (String section : new String[] {".init.text", RdtscSites.ALTERNATIVES, ".exit.text"}) {
      KernelMap.Section where = Objects.requireNonNull(kernel.map().named(section));
      Objdump.Listing listing = Objdump.list(folder, kernel.bytes(section));
      TreeSet<Long> expected = new TreeSet<>();
      listing.rdtsc().stream().forEach(at -> expected.add(where.virtual() + at));
      listing.rdtscp().stream().forEach(at -> expected.add(where.virtual() + at));
      assertThat(
              found.sites().stream().filter(s -> s.section().equals(section)).map(TscSite::virtual))
          .as(section)
          .containsExactlyElementsOf(expected);
    }
    assertThat(found.count(".text", TscSite.Kind.RDTSC)).isGreaterThan(50);
    assertThat(found.rejected().size()).isGreaterThan(50);
  }

  @Test
  void debianKernelPatched() {
    TscPatch patch = new TscPatch();
    DebianKernel plain = new DebianKernel((map, memory) -> "");
    DebianKernel patched = new DebianKernel(patch);
    assertThat(patched.result.kernelDigest()).isEqualTo(plain.result.kernelDigest());
    assertThat(patched.result.digest()).isNotEqualTo(plain.result.digest());
    assertThat(RdtscSites.find(patched.map(), patched.memory).sites()).isEmpty();
    for (TscSite site : patch.done().sites()) {
      int bytes = patched.memory.read16(site.physical());
      assertThat(bytes)
          .as("%s", site)
          .isEqualTo(site.kind() == TscSite.Kind.RDTSC ? 0xe5 | MachineLayout.TSC << 8 : 0x0b0f);
    }
    // Nothing else was touched.
    assertThat(differences(plain.bytes(".text"), patched.bytes(".text")))
        .isEqualTo(2 * (int) patch.done().count(".text", TscSite.Kind.RDTSC));
  }

  private static int differences(byte[] one, byte[] other) {
    int count = 0;
    for (int i = 0; i < one.length; i++) {
      count += one[i] == other[i] ? 0 : 1;
    }
    return count;
  }
}
