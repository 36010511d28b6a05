package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuModel;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether a guest's reads of the time-stamp counter can be made exact on a host's KVM, so that a log of it repeats; if not, why, and what is possible instead. Pure: the caller has probed.
 */
public final class ExactTscPolicy {
  private ExactTscPolicy() {}

  /**
   * What the probes found and the guest is.
   *
   * @param userReadsTrap CR4.TSD makes RDTSC in ring 3 raise #GP in the guest
   * @param breakpointsStopRing0 an execution breakpoint stops the guest's kernel before the instruction
   * @param stepsPastBreakpoint a guest can go on from a breakpoint: RFLAGS.RF is honoured, or one exact step is possible with the breakpoint taken off
   * @param controlWritesSeen every write of CR4 by the guest is noticed, so that TSD stays held
   * @param kernelPatched the kernel's own sites were found and patched ({@link TscPatch})
   * @param modulesWatched code that the kernel loads later is patched before it runs
   */
  public record Facts(
      boolean userReadsTrap,
      boolean breakpointsStopRing0,
      boolean stepsPastBreakpoint,
      boolean controlWritesSeen,
      boolean kernelPatched,
      boolean modulesWatched) {}

  /** The answer. */
  public sealed interface Verdict {}

  /** Record and replicate. */
  public enum Exact implements Verdict {
    EXACT
  }

  /**
   * Recording on kvm is refused; the guest may run free there, or be recorded on soft.
   *
   * @param reasons each a sentence without its full stop
   */
  public record FreeRunning(List<String> reasons) implements Verdict {
    public FreeRunning {
      reasons = List.copyOf(reasons);
    }

    /** All in one line, for people. */
    public String message() {
      return "exact recording on kvm is refused: "
          + String.join("; ", reasons)
          + ". Run without recording on kvm, or record on --engine soft.";
    }
  }

  /**
   * Decides. A model without a time-stamp counter changes nothing: hardware executes RDTSC whatever CPUID says, and programs do not ask.
   *
   * @param model the CPU that the guest sees
   */
  public static Verdict decide(CpuModel model, Facts facts) {
    List<String> reasons = new ArrayList<>();
    if (!facts.kernelPatched()) {
      reasons.add("the kernel's reads of the time-stamp counter are not patched");
    }
    if (!facts.modulesWatched()) {
      reasons.add("modules that the kernel loads could read it unnoticed");
    }
    if (!facts.userReadsTrap()) {
      reasons.add("this host's KVM lets programs read it though CR4.TSD is set");
    }
    if (!facts.controlWritesSeen()) {
      reasons.add("the guest could clear CR4.TSD unnoticed");
    }
    if (model.hasTsc() && !facts.breakpointsStopRing0()) {
      reasons.add(
          "breakpoints do not stop the guest's kernel, so a program's read cannot be answered");
    } else if (model.hasTsc() && !facts.stepsPastBreakpoint()) {
      reasons.add(
          "the guest's kernel cannot go on from a breakpoint, so its own #GP would never be handled");
    }
    return reasons.isEmpty() ? Exact.EXACT : new FreeRunning(reasons);
  }
}
