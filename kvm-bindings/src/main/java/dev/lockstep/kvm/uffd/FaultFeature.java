package dev.lockstep.kvm.uffd;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What a kernel's user-handled faults may have beyond missing pages of anonymous memory (ioctl_userfaultfd(2), UFFDIO_API). */
public enum FaultFeature {
  /** Write protection. Since Linux 5.7. */
  WRITE_PROTECT(LinuxKvm.UFFD_FEATURE_PAGEFAULT_FLAG_WP()),

  /** Missing pages of huge-page files. */
  MISSING_HUGE(UffdAbi.UFFD_FEATURE_MISSING_HUGETLBFS),

  /** Missing pages of shared memory, memory files among them. */
  MISSING_SHARED(UffdAbi.UFFD_FEATURE_MISSING_SHMEM),

  /** The event names the thread that waits. */
  THREAD(UffdAbi.UFFD_FEATURE_THREAD_ID),

  /** The event has the address to the byte, not the page's. Since Linux 5.18. */
  EXACT_ADDRESS(UffdAbi.UFFD_FEATURE_EXACT_ADDRESS),

  /** Write protection of shared memory and huge pages. Since Linux 5.19. */
  WRITE_PROTECT_SHARED(UffdAbi.UFFD_FEATURE_WP_HUGETLBFS_SHMEM),

  /** Write protection of anonymous pages that are not there yet. Since Linux 6.4. */
  WRITE_PROTECT_UNPOPULATED(UffdAbi.UFFD_FEATURE_WP_UNPOPULATED),

  /** Protected pages become writable without an event. Since Linux 6.7. */
  WRITE_PROTECT_ASYNC(UffdAbi.UFFD_FEATURE_WP_ASYNC);

  private final long bit;

  FaultFeature(long bit) {
    this.bit = bit;
  }

  long bit() {
    return bit;
  }
}
