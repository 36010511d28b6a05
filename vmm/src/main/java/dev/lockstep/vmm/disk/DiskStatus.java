package dev.lockstep.vmm.disk;

/** How a disk request ended. */
public enum DiskStatus {
  /** Done. */
  OK,
  /** The host could not do it. */
  IO_ERROR
}
