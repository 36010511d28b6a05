package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuModel;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether a guest's reads of the time-stamp counter can be made exact, so that a log of it repeats; if not, why, and what is possible instead. Pure: what is asked of the host was probed by the caller, what
 * is asked of the kernel was found by {@link ExactTscPatch}.
 */
public final class ExactTscPolicy {
  private ExactTscPolicy() {}

  /**
   * What the probes found and the guest is.
   *
   * @param userReadsTrap CR4.TSD makes RDTSC in ring 3 raise #GP in the guest
   * @param faultsStopped the guest's kernel can be stopped at the begin of its #GP handler, where a program's read is answered
   * @param controlWritesSeen every move to CR4 in the kernel was found and patched, so that TSD stays held
   * @param kernelPatched the kernel's own reads were found and patched ({@link TscPatch})
   * @param modulesWatched code that the kernel loads later is patched before it runs
   */
  public record Facts(
      boolean userReadsTrap,
      boolean faultsStopped,
      boolean controlWritesSeen,
      boolean kernelPatched,
      boolean modulesWatched) {

    /** Those of a host before a kernel is loaded: the kernel is asked when it is there. */
    public static Facts ofHost(boolean userReadsTrap) {
      return new Facts(userReadsTrap, true, true, true, true);
    }
  }

  /** The answer. */
  public sealed interface Verdict {}

  /** Record and replicate. */
  public enum Exact implements Verdict {
    EXACT
  }

  /**
   * Exact recording is refused; the guest may run free, or be recorded on soft, which needs none of this.
   *
   * @param reasons each a sentence without its full stop
   */
  public record FreeRunning(List<String> reasons) implements Verdict {
    public FreeRunning {
      reasons = List.copyOf(reasons);
    }

    /** All in one line without its full stop, for people. */
    public String message() {
      return "reads of the time-stamp counter cannot be exact: " + String.join("; ", reasons);
    }
  }

  /**
   * Decides. A model without a time-stamp counter changes little: hardware executes RDTSC whatever CPUID says, so it must trap all the same, and be refused.
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
    if (!facts.faultsStopped()) {
      reasons.add(
          "the kernel cannot be stopped at its #GP entry, so a program's read cannot be %s"
              .formatted(model.hasTsc() ? "answered" : "refused as the CPU model promises"));
    }
    return reasons.isEmpty() ? Exact.EXACT : new FreeRunning(reasons);
  }
}
