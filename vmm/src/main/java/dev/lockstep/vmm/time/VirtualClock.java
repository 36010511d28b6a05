package dev.lockstep.vmm.time;

import dev.lockstep.engine.TimeStampCounter;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/**
 * Virtual time as a function of the branch count: from a base (count, nanoseconds) it goes on in a straight line with a
 * pace; clock entries move it and change the pace, and a halted guest's jumps move the base. So two replicas with the
 * same entries have the same time at the same count.
 *
 * <p>Never goes back. The virtual time-stamp counter is this clock at {@link #TSC_HZ}.
 */
public final class VirtualClock implements TimeStampCounter {
  /** Fractional bits of a pace. */
  public static final int PACE_SHIFT = 16;

  /** A pace of one nanosecond per branch. */
  public static final long ONE_NANO = 1L << PACE_SHIFT;

  /** The pace that a new machine begins with: about what the interpreter does. */
  public static final long INITIAL_PACE = 20 * ONE_NANO;

  /** The fastest pace allowed: one millisecond a branch. */
  public static final long MAX_PACE = 1_000_000 * ONE_NANO;

  /** Counts of the virtual time-stamp counter in a second. */
  public static final long TSC_HZ = 1_000_000_000;

  /** What {@link #countAt} answers for a time too far away to matter. */
  public static final long NEVER = Long.MAX_VALUE;

  /** Times further ahead than this are answered by an earlier count; who asks asks again there. */
  private static final long HORIZON_NANOS = 1L << 46;

  private long baseCount;
  private long baseNanos;
  private long baseFraction;
  private long pace = INITIAL_PACE;

  /** Virtual time at a count: nanoseconds since the machine was created. The count is not before the last change. */
  public long nanosAt(long count) {
    long delta = count - baseCount;
    long high = Math.multiplyHigh(delta, pace);
    long low = delta * pace;
    long sum = low + baseFraction;
    if (Long.compareUnsigned(sum, low) < 0) {
      high++;
    }
    return baseNanos + ((high << (Long.SIZE - PACE_SHIFT)) | (sum >>> PACE_SHIFT));
  }

  /**
   * The first count at which virtual time has come to {@code nanos}, or an earlier one if that is far away, or {@link
   * #NEVER}.
   */
  public long countAt(long nanos) {
    if (nanos == Long.MAX_VALUE) {
      return NEVER;
    }
    long wanted = Math.min(nanos - baseNanos, HORIZON_NANOS);
    if (wanted <= 0) {
      return baseCount;
    }
    return baseCount + Math.ceilDiv((wanted << PACE_SHIFT) - baseFraction, pace);
  }

  /** The pace: nanoseconds per branch in units of 2^-16. */
  public long pace() {
    return pace;
  }

  /**
   * A clock entry takes effect.
   *
   * @param count where the vCPU stands
   * @param stepNanos added; not negative
   * @param newPace from here on; 1 to {@link #MAX_PACE}
   */
  public void adjust(long count, long stepNanos, long newPace) {
    if (stepNanos < 0 || newPace < 1 || newPace > MAX_PACE) {
      throw new IllegalStateException(
          "virtual time cannot be moved by %d ns with pace %d".formatted(stepNanos, newPace));
    }
    long fraction = ((count - baseCount) * pace + baseFraction) & (ONE_NANO - 1);
    baseNanos = nanosAt(count) + stepNanos;
    baseFraction = fraction;
    baseCount = count;
    pace = newPace;
  }

  /**
   * The guest is halted at a count and time goes on without it, to {@code nanos}; earlier times are left as they are.
   */
  public void jump(long count, long nanos) {
    if (nanos > nanosAt(count)) {
      baseNanos = nanos;
      baseFraction = 0;
      baseCount = count;
    }
  }

  @Override
  public long read(long branchCount) {
    return nanosAt(branchCount);
  }

  /** Writes the clock's state. */
  public void writeTo(DataOutput out) throws IOException {
    out.writeLong(baseCount);
    out.writeLong(baseNanos);
    out.writeLong(baseFraction);
    out.writeLong(pace);
  }

  /** Reads what {@link #writeTo} wrote. */
  public void readFrom(DataInput in) throws IOException {
    long count = in.readLong();
    long nanos = in.readLong();
    long fraction = in.readLong();
    long newPace = in.readLong();
    if (count < 0
        || nanos < 0
        || fraction < 0
        || fraction >= ONE_NANO
        || newPace < 1
        || newPace > MAX_PACE) {
      throw new IOException("a virtual clock with pace %d".formatted(newPace));
    }
    baseCount = count;
    baseNanos = nanos;
    baseFraction = fraction;
    pace = newPace;
  }
}
