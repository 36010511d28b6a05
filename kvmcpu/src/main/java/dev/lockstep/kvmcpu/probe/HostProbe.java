package dev.lockstep.kvmcpu.probe;

/** A question to this host's KVM, answered by guests of a few bytes in some milliseconds. */
interface HostProbe {
  /** The probe's name for programs, as in {@link Finding#id}. */
  String id();

  /** What is looked at, for people. */
  String what();

  /**
   * Asks. Runs in a thread of its own, which is cut off when it takes too long.
   *
   * @throws CutOff if a guest was cut off
   */
  Finding run(ProbeContext context);

  /** What the probe may take, in milliseconds, before it is cut off; an idle host needs a few. */
  default long limitMillis() {
    return 5_000;
  }

  /** The finding for a host that never came back from KVM_RUN. */
  default Finding cutOff() {
    return Finding.of(
            id(),
            what(),
            Verdict.MISSING,
            "no answer: the probe was cut off",
            "This host's KVM hangs where the probe went; what it asks for is taken as not there.")
        .advise("Use --engine soft; look at the host's kernel log.")
        .with("cut_off", true);
  }

  /** A guest did not leave KVM_RUN until it was kicked. */
  final class CutOff extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CutOff() {
      super("the guest was cut off", null, false, false);
    }
  }
}
