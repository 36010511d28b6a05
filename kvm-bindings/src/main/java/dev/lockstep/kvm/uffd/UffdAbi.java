package dev.lockstep.kvm.uffd;

/** Numbers of Linux for user-handled faults that the generated bindings lack, under their own names (linux/userfaultfd.h, asm/unistd_64.h); a test holds them against the host's headers. */
final class UffdAbi {
  static final int SYS_userfaultfd = 323;

  /** Makes a descriptor from an open /dev/userfaultfd. Since Linux 6.1. */
  static final int USERFAULTFD_IOC_NEW = 0xaa00;

  static final long UFFD_FEATURE_MISSING_HUGETLBFS = 1L << 4;
  static final long UFFD_FEATURE_MISSING_SHMEM = 1L << 5;
  static final long UFFD_FEATURE_THREAD_ID = 1L << 8;
  static final long UFFD_FEATURE_EXACT_ADDRESS = 1L << 11;
  static final long UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1L << 12;
  static final long UFFD_FEATURE_WP_UNPOPULATED = 1L << 13;
  static final long UFFD_FEATURE_WP_ASYNC = 1L << 15;

  static final int UFFD_EVENT_PAGEFAULT = 0x12;

  private UffdAbi() {}
}
