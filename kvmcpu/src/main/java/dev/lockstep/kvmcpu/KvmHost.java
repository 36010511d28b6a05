package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.MsrFilter;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Predicate;

/** What this engine asks of a host's KVM, how a VM is set up, and words for the exits after which nothing can go on. */
final class KvmHost {
  /** Three pages for a task state segment and one for an identity map, in the hole below 4 GiB where no machine has memory: Intel CPUs without unrestricted guests need them (api.rst, KVM_SET_TSS_ADDR). */
  private static final long TSS = 0xfffb_d000L, IDENTITY_MAP = 0xfffb_c000L;

  /** The MSRs of the CPU model; all others exit. */
  private static final List<Integer> INSIDE =
      List.of(
          0x174,
          0x175,
          0x176,
          0x277,
          0xc000_0080,
          0xc000_0081,
          0xc000_0082,
          0xc000_0083,
          0xc000_0084,
          0xc000_0100,
          0xc000_0101,
          0xc000_0102);

  /** A unit of work at native speed: about what a branch takes on the software CPU, for which the machine's clock is made. */
  private static final long UNIT_NANOS = 20;

  /** CPUID's leaf of address sizes, and what a CPU without it has (Intel SDM vol. 2A, CPUID). */
  private static final int ADDRESS_SIZES = 0x8000_0008, FEWEST_ADDRESS_BITS = 36;

  private static final double NATIVE_MILLIONS_PER_SECOND = 1000;

  /** Words of {@code kvm_run.internal.data} (linux/kvm.h). */
  private static final int MAX_INTERNAL_DATA = 16;

  private KvmHost() {}

  /** Nanoseconds in the guest that make one unit of work: more where ring 0 is slow, so that a guest gets as much done between two ticks of its timer as on hardware. */
  static long unitNanos(HostTraits traits) {
    if (traits.ring0Native()) {
      return UNIT_NANOS;
    }
    double slower =
        NATIVE_MILLIONS_PER_SECOND / Math.max(1e-3, traits.ring0MillionInstructionsPerSecond());
    return UNIT_NANOS * Math.max(1, (long) slower);
  }

  /**
   * Refuses a KVM that lacks something.
   *
   * @param has what it has
   * @throws VmmException naming the capabilities
   */
  static void require(Predicate<Capability> has) {
    List<String> missing =
        HostProbes.REQUIRED.stream().filter(has.negate()).map(Capability::kernelName).toList();
    if (!missing.isEmpty()) {
      throw new VmmException(
          "this host's KVM lacks " + String.join(", ", missing),
          "Use a kernel of 5.10 or newer, or --engine soft.");
    }
  }

  /**
   * Refuses memory at addresses that the host does not have.
   *
   * @param host what KVM_GET_SUPPORTED_CPUID said
   * @throws VmmException naming the region
   */
  static void requireRoom(GuestMemory memory, List<CpuidEntry> host) {
    int bits =
        host.stream()
            .filter(entry -> entry.function() == ADDRESS_SIZES)
            .mapToInt(entry -> entry.eax() & 0xff)
            .findFirst()
            .orElse(FEWEST_ADDRESS_BITS);
    for (GuestMemory.Region region : memory.regions()) {
      long last = region.guestPhysical() + region.size() - 1;
      if (last >>> bits != 0) {
        throw new VmmException(
            "guest memory of %#x bytes at guest-physical %#x is past what this host can address, which is %d bits"
                .formatted(region.size(), region.guestPhysical(), bits),
            "Give the guest less memory, or use --engine soft.");
      }
    }
  }

  /** Everything a VM needs before its vCPU is made. */
  static void prepare(Vm vm) {
    vm.enable(
        Capability.X86_USER_SPACE_MSR,
        LinuxKvm.KVM_MSR_EXIT_REASON_FILTER() | LinuxKvm.KVM_MSR_EXIT_REASON_UNKNOWN());
    vm.setMsrFilter(new MsrFilter(INSIDE));
    if (vm.check(Capability.EXIT_ON_EMULATION_FAILURE) > 0) {
      vm.enable(Capability.EXIT_ON_EMULATION_FAILURE, 1);
    }
    vm.setIdentityMapAddress(IDENTITY_MAP);
    vm.setTssAddress(TSS);
  }

  /** An exit that ends the machine, with the state. */
  static String describe(MemorySegment run, CpuState state) {
    int reason = kvm_run.exit_reason(run);
    String what;
    if (reason == LinuxKvm.KVM_EXIT_FAIL_ENTRY()) {
      what =
          "the CPU refuses to enter the guest: hardware reason %#x on the host's CPU %d"
              .formatted(
                  kvm_run.fail_entry.hardware_entry_failure_reason(kvm_run.fail_entry(run)),
                  kvm_run.fail_entry.cpu(kvm_run.fail_entry(run)));
    } else if (reason == LinuxKvm.KVM_EXIT_INTERNAL_ERROR()) {
      MemorySegment internal = kvm_run.internal(run);
      what = "KVM's internal error %d".formatted(kvm_run.internal.suberror(internal));
      for (int i = 0; i < Math.min(kvm_run.internal.ndata(internal), MAX_INTERNAL_DATA); i++) {
        what += (i == 0 ? ", data " : " ") + Long.toHexString(kvm_run.internal.data(internal, i));
      }
    } else {
      what = "KVM exit %d, which this engine never asks for".formatted(reason);
    }
    return what + "; " + dump(state);
  }

  private static String dump(CpuState s) {
    String[] names = {
      "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
      "r13", "r14", "r15"
    };
    StringBuilder text = new StringBuilder("rip=%x rflags=%x".formatted(s.rip, s.rflags));
    for (int i = 0; i < names.length; i++) {
      text.append(' ').append(names[i]).append('=').append(Long.toHexString(s.gpr[i]));
    }
    String[] segments = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    for (int i = 0; i < segments.length; i++) {
      text.append(' ').append(segments[i]).append("=[").append(s.segments[i]).append(']');
    }
    return text.append(
            " cr0=%x cr2=%x cr3=%x cr4=%x efer=%x gdt=%x+%x idt=%x+%x"
                .formatted(
                    s.cr0,
                    s.cr2,
                    s.cr3,
                    s.cr4,
                    s.efer,
                    s.gdtBase,
                    s.gdtLimit,
                    s.idtBase,
                    s.idtLimit))
        .toString();
  }
}
