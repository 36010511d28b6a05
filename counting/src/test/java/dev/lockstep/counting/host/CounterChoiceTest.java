package dev.lockstep.counting.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.counting.host.CounterChoice.None;
import dev.lockstep.counting.host.CounterChoice.Proposed;
import dev.lockstep.kvm.perf.PerfFlag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Machines that are not here, by what they say of themselves. */
final class CounterChoiceTest {
  @TempDir Path root;

  private void write(String file, String content) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content + "\n");
  }

  private void cpu(String vendor, int family, int model, String flags) throws IOException {
    write(
        "proc/cpuinfo",
        """
        processor\t: 0
        vendor_id\t: %s
        cpu family\t: %d
        model\t\t: %d
        model name\t: something : with colons
        stepping\t: 2
        microcode\t: 0x2b000461
        flags\t\t: fpu vme %s

        processor\t: 1
        vendor_id\t: Other
        """
            .formatted(vendor, family, model, flags));
    write("proc/sys/kernel/osrelease", "6.12.0-test");
  }

  private void pmu(String name, int type, String cpus) throws IOException {
    write("sys/bus/event_source/devices/" + name + "/type", "" + type);
    if (!cpus.isEmpty()) {
      write("sys/bus/event_source/devices/" + name + "/cpus", cpus);
    }
  }

  private CounterChoice choice() {
    return CounterChoice.of(new HostFactsReader(root).read());
  }

  @ParameterizedTest
  @CsvSource({
    // Core i7-920, Xeon E5-2680 v2, Core i7-8700K, Xeon Platinum 8260, Core i9-10900K
    "GenuineIntel, 6, 26, INTEL_CORE, 0x5101c4, 100",
    "GenuineIntel, 6, 62, INTEL_CORE, 0x5101c4, 100",
    "GenuineIntel, 6, 158, INTEL_CORE, 0x5101c4, 100",
    "GenuineIntel, 6, 85, INTEL_CORE, 0x5101c4, 100",
    "GenuineIntel, 6, 165, INTEL_CORE, 0x5101c4, 100",
    // Xeon Platinum 8380, Core i7-1165G7, Core i9-11900K
    "GenuineIntel, 6, 106, INTEL_ICE_LAKE, 0x5111c4, 100",
    "GenuineIntel, 6, 140, INTEL_ICE_LAKE, 0x5111c4, 100",
    "GenuineIntel, 6, 167, INTEL_ICE_LAKE, 0x5111c4, 100",
    // Xeon Platinum 8480+, 8592+, 6980P
    "GenuineIntel, 6, 143, INTEL_GOLDEN_COVE, 0x5111c4, 125",
    "GenuineIntel, 6, 207, INTEL_GOLDEN_COVE, 0x5111c4, 125",
    "GenuineIntel, 6, 173, INTEL_GOLDEN_COVE, 0x5111c4, 125",
    // Celeron N5105, N100, Xeon 6780E
    "GenuineIntel, 6, 156, INTEL_ATOM, 0x517ec4, 100",
    "GenuineIntel, 6, 190, INTEL_ATOM, 0x517ec4, 100",
    "GenuineIntel, 6, 175, INTEL_ATOM, 0x517ec4, 100",
    // EPYC 7601, 7742, 9654, 9755; Hygon C86
    "AuthenticAMD, 23, 1, AMD_ZEN, 0x5100d1, 10000",
    "AuthenticAMD, 23, 49, AMD_ZEN, 0x5100d1, 10000",
    "AuthenticAMD, 25, 17, AMD_ZEN, 0x5100d1, 10000",
    "AuthenticAMD, 26, 2, AMD_ZEN, 0x5100d1, 10000",
    "HygonGenuine, 24, 1, AMD_ZEN, 0x5100d1, 10000"
  })
  void theCounterOfEachMicroarchitecture(
      String vendor, int family, int model, Microarchitecture kind, String config, long skid)
      throws IOException {
    cpu(vendor, family, model, "");
    pmu("cpu", 4, "");
    Proposed proposed = (Proposed) choice();
    assertThat(proposed.microarchitecture()).isEqualTo(kind);
    assertThat(kind.usualSkid()).isEqualTo(skid);
    assertThat(proposed.event().measured().config()).isEqualTo(Long.decode(config));
    assertThat(proposed.event().measured().type()).isEqualTo(4);
    assertThat(proposed.event().measured().flags())
        .containsExactlyInAnyOrder(PerfFlag.PINNED, PerfFlag.EXCLUDE_HOST);
    assertThat(proposed.cpus()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "151, INTEL_GOLDEN_COVE, 0x5111c4",
    "183, INTEL_GOLDEN_COVE, 0x5111c4",
    "170, INTEL_GOLDEN_COVE, 0x5111c4",
    "198, INTEL_LION_COVE, 0x100005111c4"
  })
  void hybridCpusAreHeldToTheirPCores(int model, Microarchitecture kind, String config)
      throws IOException {
    cpu("GenuineIntel", 6, model, "");
    pmu("cpu_atom", 10, "16-23");
    pmu("cpu_core", 4, "0-11,14,15");
    Proposed proposed = (Proposed) choice();
    assertThat(proposed.microarchitecture()).isEqualTo(kind);
    assertThat(proposed.event().measured().type()).isEqualTo(4);
    assertThat(proposed.event().measured().config()).isEqualTo(Long.decode(config));
    assertThat(proposed.cpus())
        .containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15);
  }

  @Test
  void withoutACounterTheReasonIsGiven() throws IOException {
    assertThat(((None) choice()).reason()).isEqualTo("this host has no PMU");
    cpu("AuthenticAMD", 25, 17, "hypervisor");
    assertThat(((None) choice()).reason())
        .isEqualTo("this host has no PMU (it is a virtual machine)");
    assertThat(((None) choice()).advice()).contains("virtual PMU");
    pmu("cpu", 4, "");
    cpu("AuthenticAMD", 21, 2, "");
    assertThat(((None) choice()).reason()).contains("counts taken branches");
    cpu("GenuineIntel", 6, 250, "");
    assertThat(((None) choice()).reason()).contains("family 6 model 250 stepping 2");
    cpu("GenuineIntel", 15, 4, "");
    assertThat(choice()).isInstanceOf(None.class);
    cpu("VIA VIA VIA ", 6, 15, "");
    assertThat(choice()).isInstanceOf(None.class);
    write("proc/cpuinfo", "processor : 0\nBogoMIPS : 50.0");
    assertThat(((None) choice()).reason()).contains("/proc/cpuinfo");
    pmu("cpu", 4, "7-3");
    assertThat(((None) choice()).reason()).isEqualTo("this host has no PMU");
  }

  @Test
  void specLockMapOfZenIsReadOnEveryCpu() throws IOException {
    cpu("AuthenticAMD", 25, 97, "");
    pmu("cpu", 4, "");
    assertThat(((Proposed) choice()).warnings())
        .singleElement()
        .asString()
        .contains("cannot be read", "the module msr is not loaded", "rdmsr -a 0xc0011020");
    msr(0, 1L << 54 | 5);
    msr(1, 1L << 54);
    assertThat(((Proposed) choice()).warnings()).isEmpty();
    msr(1, 5);
    assertThat(((None) choice()).reason()).contains("SpecLockMap is on");
    assertThat(((None) choice()).advice()).contains("bit 54");
    Files.writeString(root.resolve("dev/cpu/1/msr"), "short");
    assertThat(((Proposed) choice()).warnings().getFirst()).contains("has no register 0xc0011020");
    // An Intel CPU has no such setting.
    cpu("GenuineIntel", 6, 158, "");
    assertThat(new HostFactsReader(root).read().specLockMap())
        .isEqualTo(SpecLockMap.NotThere.NOT_THERE);
  }

  /** A sparse file with the register where the device has it. */
  private void msr(int cpu, long value) throws IOException {
    Path file = root.resolve("dev/cpu/" + cpu + "/msr");
    Files.createDirectories(file.getParent());
    ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.SPARSE, StandardOpenOption.WRITE)) {
      channel.write(bytes, 0xc001_1020L);
    }
  }

  @Test
  void spoilersAreWarnedOf() throws IOException {
    cpu("GenuineIntel", 6, 158, "hypervisor");
    pmu("cpu", 4, "");
    write("proc/sys/kernel/nmi_watchdog", "1");
    write("sys/devices/cpu/freeze_on_smi", "0");
    assertThat(((Proposed) choice()).warnings())
        .hasSize(3)
        .anyMatch(warning -> warning.contains("nmi_watchdog=0"))
        .anyMatch(warning -> warning.contains("freeze_on_smi"))
        .anyMatch(warning -> warning.contains("hypervisor's"));
    write("proc/sys/kernel/nmi_watchdog", "0");
    write("sys/devices/cpu/freeze_on_smi", "1");
    cpu("GenuineIntel", 6, 158, "");
    assertThat(((Proposed) choice()).warnings()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    // Leaf 1 EAX of a Core i7-8700K, an i9-12900K, an EPYC 7742, an EPYC 9654 and an FX-8350
    "GenuineIntel, 0x906ea, 6, 158, 10",
    "GenuineIntel, 0x90672, 6, 151, 2",
    "AuthenticAMD, 0x830f10, 23, 49, 0",
    "AuthenticAMD, 0xa10f11, 25, 17, 1",
    "AuthenticAMD, 0x600f20, 21, 2, 0"
  })
  void signatureOfCpuid(String vendor, String eax, int family, int model, int stepping) {
    CpuIdentity cpu = CpuIdentity.ofSignature(vendor, Integer.decode(eax), 1 << 31);
    assertThat(cpu).isEqualTo(new CpuIdentity(vendor, family, model, stepping, "unknown", true));
  }

  @Test
  void listsOfCpus() {
    assertThat(PmuDescription.cpuList("0-2,5, 7-7\n")).isEqualTo(Set.of(0, 1, 2, 5, 7));
    assertThat(PmuDescription.cpuList("")).isEmpty();
    for (String bad : List.of("a", "3-1", "-1", "0-99999999", "1-2-3")) {
      assertThatThrownBy(() -> PmuDescription.cpuList(bad))
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void thisHostHasFacts() {
    HostFacts here = new HostFactsReader(Path.of("/")).read();
    System.out.println("this host: " + here + "\n  -> " + CounterChoice.of(here));
    assertThat(here.kernel()).isNotEqualTo("unknown");
    assertThat(here.cpu()).isNotEqualTo(Optional.empty());
  }
}
