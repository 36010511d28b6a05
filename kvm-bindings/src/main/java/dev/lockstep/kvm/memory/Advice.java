package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What the kernel is told about a mapping (madvise(2)). */
public enum Advice {
  /** Huge pages where they fit. EINVAL from a kernel without transparent huge pages. */
  HUGE_PAGES(LinuxKvm.MADV_HUGEPAGE()),

  /** No huge pages: one page is one unit of copy, fault and dirty log. */
  NO_HUGE_PAGES(MemoryAbi.MADV_NOHUGEPAGE),

  /** The pages are dropped now: anonymous and private ones read as zeros or as the file again, shared ones keep what the file has. */
  DROP(LinuxKvm.MADV_DONTNEED()),

  /** The pages of a shared mapping are dropped with what the file holds there: they read as zeros. */
  REMOVE(MemoryAbi.MADV_REMOVE),

  /** The kernel may drop the pages when memory is short; anonymous private mappings only. */
  FREE(MemoryAbi.MADV_FREE),

  /** Read ahead. */
  WILL_NEED(MemoryAbi.MADV_WILLNEED),

  /** A child made by fork does not get the mapping. */
  NO_FORK(LinuxKvm.MADV_DONTFORK()),

  /** A core dump leaves it out: guest memory holds the guest's secrets. */
  NO_DUMP(LinuxKvm.MADV_DONTDUMP()),

  /** Equal pages may be merged (KSM). */
  MERGEABLE(LinuxKvm.MADV_MERGEABLE()),

  /** Pages are made and mapped for reading now. Since Linux 5.14. */
  POPULATE_READ(MemoryAbi.MADV_POPULATE_READ),

  /** Pages are made and mapped for writing now, so that no later access has to. Since Linux 5.14. */
  POPULATE_WRITE(MemoryAbi.MADV_POPULATE_WRITE);

  private final int number;

  Advice(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }
}
