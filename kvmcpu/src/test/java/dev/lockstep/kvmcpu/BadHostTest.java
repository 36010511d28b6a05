package dev.lockstep.kvmcpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a host cannot give is refused by name, and leaves nothing behind. */
final class BadHostTest {
  /** KVM_INTERNAL_ERROR_DELIVERY_EV (linux/kvm.h). */
  private static final int DELIVERY_EVENT = 3;

  private static final int LEAF_1 = 1, LEAF_EXTENDED = 0x8000_0001;

  @BeforeEach
  void deviceIsThere() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: what its host lacks is not tested");
  }

  @Test
  void aMissingCapabilityIsNamed() {
    KvmHost.require(capability -> true);
    assertThatThrownBy(() ->
            KvmHost.require(
                it -> it != Capability.X86_MSR_FILTER && it != Capability.IMMEDIATE_EXIT))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e)
                  .hasMessage(
                      "this host's KVM lacks KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_X86_MSR_FILTER");
              assertThat(e.advice()).contains("kernel of 5.10 or newer", "--engine soft");
            });
  }

  @Test
  void aMissingFeatureIsNamed() {
    List<CpuidEntry> host =
        KvmCpuid.entries(CpuModel.LOCKSTEP_V1).stream().map(BadHostTest::withoutSome).toList();
    assertThatThrownBy(() -> KvmCpuid.require(CpuModel.LOCKSTEP_V1, host))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e)
                  .hasMessage(
                      "this host's KVM cannot give CPU model lockstep-v1: CPUID lacks "
                          + "SSE2 (0x1 EDX bit 26), NX (0x80000001 EDX bit 20)");
              assertThat(e.advice()).contains("--engine soft");
            });
    KvmCpuid.require(CpuModel.LOCKSTEP_V1, KvmCpuid.entries(CpuModel.LOCKSTEP_V1));
  }

  private static CpuidEntry withoutSome(CpuidEntry it) {
    int gone =
        switch (it.function()) {
          case LEAF_1 -> 1 << 26;
          case LEAF_EXTENDED -> 1 << 20;
          default -> 0;
        };
    return new CpuidEntry(
        it.function(), it.index(), it.flags(), it.eax(), it.ebx(), it.ecx(), it.edx() & ~gone);
  }

  @Test
  void memoryPastTheHostsAddressesIsNamed() {
    try (Arena arena = Arena.ofConfined()) {
      GuestMemory memory =
          new GuestMemory(
              arena.allocate(0x2000, 0x1000),
              List.of(
                  new GuestMemory.Region(0, 0x1000, 0),
                  new GuestMemory.Region(1L << 56, 0x1000, 0x1000)));
      assertThatThrownBy(() -> create(memory))
          .isInstanceOfSatisfying(
              VmmException.class,
              e -> {
                assertThat(e)
                    .hasMessageContaining("0x1000 bytes at guest-physical 0x100000000000000")
                    .hasMessageContaining("bits");
                assertThat(e.advice()).contains("less memory");
              });
    }
  }

  /** The last region fails when the VM and the first slot are made already. */
  @Test
  void aVcpuThatCannotBeMadeLeavesNothing() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      // Not at a host's page, which KVM refuses.
      MemorySegment skewed = arena.allocate(0x3000, 0x1000).asSlice(8, 0x2000);
      GuestMemory memory = new GuestMemory(skewed, List.of(new GuestMemory.Region(0, 0x2000, 0)));
      refuse(memory);
      List<String> before = ofKvm();
      for (int i = 0; i < 20; i++) {
        refuse(memory);
      }
      assertThat(ofKvm()).hasSameSizeAs(before);
    }
  }

  private static void refuse(GuestMemory memory) {
    assertThatThrownBy(() -> create(memory))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("KVM: KVM_SET_USER_MEMORY_REGION (slot 0, 0x2000 bytes")
        .hasMessageContaining("EINVAL");
  }

  /** Failing in the finisher, when everything else is made. */
  @Test
  void aFinisherThatCannotBeMadeLeavesNothing() throws IOException {
    try (BareGuest guest = new BareGuest();
        Kvm kvm = Kvm.open()) {
      HostTraits traits = new HostProbes(Kvm.DEVICE).traits();
      List<String> before = ofKvm();
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(() ->
                KvmVcpu.create(
                    kvm,
                    traits,
                    CpuModel.LOCKSTEP_V1,
                    guest.memory(),
                    BranchSemantics.ALL_TRANSFERS,
                    (model, memory, semantics, tsc) -> {
                      throw new IllegalStateException("seeded");
                    }))
            .hasMessage("seeded");
      }
      assertThat(ofKvm()).hasSameSizeAs(before);
    }
  }

  private static void create(GuestMemory memory) {
    try (Kvm kvm = Kvm.open()) {
      KvmVcpu.create(
              kvm,
              HostTraits.of(List.of()),
              CpuModel.LOCKSTEP_V1,
              memory,
              BranchSemantics.ALL_TRANSFERS,
              (model, same, semantics, tsc) -> {
                throw new IllegalStateException("it got as far as the finisher");
              })
          .close();
    }
  }

  private static List<String> ofKvm() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      return files
          .map(file -> file.toFile().getAbsolutePath())
          .map(BadHostTest::target)
          .filter(target -> target.contains("kvm"))
          .toList();
    }
  }

  private static String target(String file) {
    try {
      return Files.readSymbolicLink(Path.of(file)).toString();
    } catch (IOException e) {
      return "";
    }
  }

  /** This kernel's own kvm_run, with what its KVM never says here. */
  @Test
  void exitsThatEndAMachineAreToldWithTheState() {
    try (BareGuest guest = new BareGuest();
        Kvm kvm = Kvm.open();
        KvmVm vm = new KvmVm(kvm, CpuModel.LOCKSTEP_V1, guest.memory(), HostTraits.of(List.of()))) {
      MemorySegment run = vm.vcpu().runArea();
      CpuState state = guest.kernel64(0x1234);
      state.gpr[8] = 0xfeed;
      kvm_run.exit_reason(run, LinuxKvm.KVM_EXIT_FAIL_ENTRY());
      kvm_run.fail_entry.hardware_entry_failure_reason(kvm_run.fail_entry(run), 0x8000_0021L);
      kvm_run.fail_entry.cpu(kvm_run.fail_entry(run), 3);
      assertThat(KvmHost.describe(run, state))
          .startsWith(
              "the CPU refuses to enter the guest: hardware reason 0x80000021 on the host's CPU 3; ")
          .contains("rip=1234", "r8=feed", "cs=[0010", "tr=[0040", "cr0=80050033", "efer=d01")
          .contains("cr3=10000", "gdt=500+4f", "idt=2000+fff");
      kvm_run.exit_reason(run, LinuxKvm.KVM_EXIT_INTERNAL_ERROR());
      MemorySegment internal = kvm_run.internal(run);
      kvm_run.internal.suberror(internal, DELIVERY_EVENT);
      kvm_run.internal.ndata(internal, 2);
      kvm_run.internal.data(internal, 0, 0x8000_030eL);
      kvm_run.internal.data(internal, 1, 0x31);
      assertThat(KvmHost.describe(run, state))
          .startsWith("KVM's internal error 3, data 8000030e 31; rip=1234");
      kvm_run.exit_reason(run, 99);
      assertThat(KvmHost.describe(run, state)).startsWith("KVM exit 99, which this engine");
    }
  }
}
