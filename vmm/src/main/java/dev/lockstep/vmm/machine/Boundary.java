package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import java.util.List;

/** A machine that stands still, as a {@link BoundaryTask} sees it. */
public interface Boundary {
  /** Where it stands. */
  Moment moment();

  /** Virtual time, in nanoseconds. */
  long virtualNanos();

  /** Number of the next log entry. */
  long nextSequence();

  /** The CPU's whole state, a copy. */
  CpuState cpu();

  /** Every device's state, in a fixed order. */
  List<DeviceState> devices();

  /** Guest memory; to be read only. */
  GuestMemory memory();

  /** Which pages differ from zero or were written since; see {@link PageTracker}. */
  PageTracker pages();

  /** The disks' stores with what was written to them; a request may be on its way until drained. */
  List<DiskBackend> disks();

  /** Everything but memory and disks, for {@link dev.lockstep.vmm.snapshot.CheckpointWriter#state}. */
  byte[] encodedState();

  /** What a log that begins here has as its header, without the hashes of memory and disks. */
  LogHeader header();

  /**
   * Hashes the state.
   *
   * @param disks whether to read and hash the disks as well, which can take long
   */
  MachineDigest digest(boolean disks);

  /**
   * The digest of a state whose memory has been hashed already, page by page: reads neither memory nor disks.
   *
   * @param memory what {@link MemoryHash#value} says of memory as it is now
   */
  MachineDigest digest(MemoryHash memory);
}
