package dev.lockstep.counting.calibration;

import dev.lockstep.counting.Stop;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;

/** A vCPU with a counter that nothing is known of, as {@link Calibration} needs it. Owned by one thread. */
public interface CalibrationSubject extends AutoCloseable {
  /** What the counter claims to count. */
  BranchSemantics semantics();

  /** The guest's memory: {@link CalibrationGuest#MEMORY_BYTES} from address 0 on. */
  GuestMemory memory();

  /** Puts the guest there. The count goes on. */
  void load(CpuState state);

  /** What the counter reads, nothing subtracted. */
  long count();

  /** From now on periods are armed by reopening. */
  void reopenToArm();

  /**
   * Runs until a port write or HLT (a {@link Stop.Exit}), the armed overflow, or the subject's patience, a second or so and never less than 60,000 branches.
   *
   * @param overflowAt the reading at which to interrupt; {@link Long#MAX_VALUE} for none
   */
  Stop runFree(long overflowAt);

  /** Queues an external interrupt; the guest stands at a port write with interrupts open. */
  void inject(int vector);

  @Override
  void close();
}
