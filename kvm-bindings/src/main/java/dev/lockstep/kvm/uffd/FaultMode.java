package dev.lockstep.kvm.uffd;

import dev.lockstep.kvm.layout.LinuxKvm;

/** Which faults of a range are told (ioctl_userfaultfd(2), UFFDIO_REGISTER). */
public enum FaultMode {
  /** First touches of pages that are not there. */
  MISSING(LinuxKvm.UFFDIO_REGISTER_MODE_MISSING()),

  /** Writes to pages that {@link UserFaults#protect} guards. */
  WRITE_PROTECT(LinuxKvm.UFFDIO_REGISTER_MODE_WP());

  private final long bit;

  FaultMode(long bit) {
    this.bit = bit;
  }

  long bit() {
    return bit;
  }
}
