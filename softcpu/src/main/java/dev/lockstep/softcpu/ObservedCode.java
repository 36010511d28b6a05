package dev.lockstep.softcpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Straight-line code as an {@link ExecutionObserver} sees it. Equal code at the same place in the same mode and ring is one object. */
public final class ObservedCode {
  private final int index;
  private final long rip;
  private final int bits;
  private final int ring;
  private final byte[] bytes;
  private final int[] starts;

  ObservedCode(int index, long rip, int bits, int ring, byte[] bytes, int[] starts) {
    this.index = index;
    this.rip = rip;
    this.bits = bits;
    this.ring = ring;
    this.bytes = bytes;
    this.starts = starts;
  }

  /** Its number: from 0, in the order of first execution. */
  public int index() {
    return index;
  }

  /** Offset in CS of its first byte. */
  public long rip() {
    return rip;
  }

  /** 64, 32 or 16: what its bytes are decoded for. */
  public int bits() {
    return bits;
  }

  /** CPL. */
  public int ring() {
    return ring;
  }

  /** Instructions in it. */
  public int instructions() {
    return starts.length;
  }

  /** Where an instruction begins, relative to {@link #rip}; for the number after the last, where the code ends. */
  public int start(int instruction) {
    return instruction == starts.length ? bytes.length : starts[instruction];
  }

  /** All its bytes, a copy. */
  public byte[] bytes() {
    return bytes.clone();
  }

  boolean is(long rip, int bits, int ring) {
    return this.rip == rip && this.bits == bits && this.ring == ring;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ObservedCode that
        && that.is(rip, bits, ring)
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(bytes) + Long.hashCode(rip) + 7 * ring + bits;
  }

  @Override
  public String toString() {
    return "%d instructions at %#x".formatted(starts.length, rip);
  }
}
