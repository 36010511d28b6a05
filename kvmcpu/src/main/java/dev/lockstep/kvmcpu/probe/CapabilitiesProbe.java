package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.Kvm;
import java.util.ArrayList;
import java.util.List;

/** What the kernel says of itself, without a guest. */
final class CapabilitiesProbe implements HostProbe {
  /** Used where they are there. */
  private static final List<Capability> WELCOME =
      List.of(
          Capability.SYNC_REGS,
          Capability.MANUAL_DIRTY_LOG_PROTECT2,
          Capability.EXIT_ON_EMULATION_FAILURE,
          Capability.XSAVE2,
          Capability.SREGS2,
          Capability.SET_GUEST_DEBUG2);

  @Override
  public String id() {
    return "capabilities";
  }

  @Override
  public String what() {
    return "KVM capabilities";
  }

  @Override
  public Finding run(ProbeContext context) {
    List<String> missing = lacking(context.kvm(), HostProbes.REQUIRED);
    List<String> unwelcome = lacking(context.kvm(), WELCOME);
    List<String> both = new ArrayList<>(missing);
    both.addAll(unwelcome);
    String found =
        both.isEmpty() ? "all that Lockstep can use" : "without " + String.join(", ", both);
    Finding finding =
        !missing.isEmpty()
            ? Finding.of(
                    id(), what(), Verdict.MISSING, found, "The KVM engine does not start here.")
                .advise("Use a kernel of 5.10 or newer, or --engine soft.")
            : unwelcome.isEmpty()
                ? Finding.of(id(), what(), Verdict.OK, found, "The KVM engine has what it needs.")
                : Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    found,
                    "The KVM engine has what it needs, and does without these.");
    return finding
        .with("required_missing", missing)
        .with("optional_missing", unwelcome)
        .with("memory_slots", context.kvm().check(Capability.NR_MEMSLOTS))
        .with("max_vcpus", context.kvm().check(Capability.MAX_VCPUS));
  }

  private static List<String> lacking(Kvm kvm, List<Capability> wanted) {
    return wanted.stream().filter(c -> !kvm.has(c)).map(Capability::kernelName).toList();
  }
}
