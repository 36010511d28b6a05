package dev.lockstep.vmm.config;

/** What becomes of a guest's writes to its disks. */
public enum DiskUse {
  /** They go to the images. */
  DIRECT,
  /** They go to a private layer over the images and are lost at the end, as a replay wants it. */
  PRIVATE,
  /** They are kept in memory and can be taken back, as a replay wants it that goes backwards. */
  REWINDABLE
}
