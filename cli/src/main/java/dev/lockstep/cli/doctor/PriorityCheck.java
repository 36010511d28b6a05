package dev.lockstep.cli.doctor;

import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;

/** Whether the threads that answer for a VM may go before others on a busy host. */
final class PriorityCheck {
  private PriorityCheck() {}

  static Finding urgent() {
    boolean may = Capability.SYS_NICE.held();
    Finding finding =
        may
            ? Finding.of(
                "priority",
                "priority",
                Verdict.OK,
                "replicas may go before other processes",
                "A busy host does not make a replica look dead.")
            : Finding.of(
                    "priority",
                    "priority",
                    Verdict.LIMITED,
                    "replicas wait their turn like any process",
                    "On a host that is busy to the last a replica may answer too late and be taken for dead: redundancy is lost then, never the guest.")
                .advise(
                    "Run replicas as root, give their user the right in /etc/security/limits.conf (nice -15), or leave them CPU of their own.");
    return finding.with("urgent", may);
  }
}
