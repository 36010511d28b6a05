package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/**
 * A memory operand. The common kind, 64-bit addressing with a segment whose base is zero, is computed without a branch on the form: an absent base or index is the register that reads as zero, and
 * a RIP-relative displacement is absolute already.
 */
final class Ea {
  private static final int FLAT = 0;
  private static final int LONG = 1;
  private static final int SEGMENTED = 2;

  private static final int WRITABLE = 2;
  private static final int CODE = 8;
  private static final int EXPAND_DOWN = 4;

  /** Register indices, {@link Cpu#ZERO} for none. */
  final int base, index;

  /** log2 of the index's factor. */
  final int scale;

  final long displacement;

  /** The segment register, index as in {@code CpuState}. */
  final int segment;

  /** What an offset is cut to: the address size. */
  final long mask;

  private final int kind;

  Ea(int mode, int addressSize, int segment, int base, int index, int scale, long displacement) {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.displacement = displacement;
    this.segment = segment;
    this.mask = addressSize == 8 ? -1L : addressSize == 4 ? 0xffff_ffffL : 0xffff;
    if (mode != CodeMode.LONG64) {
      this.kind = SEGMENTED;
    } else if (addressSize == 8 && segment != CpuState.FS && segment != CpuState.GS) {
      this.kind = FLAT;
    } else {
      this.kind = LONG;
    }
  }

  /** The same operand {@code bytes} further on: the second half of a pair. */
  Ea plus(int mode, int bytes) {
    int size = mask == -1L ? 8 : mask == 0xffff ? 2 : 4;
    return new Ea(mode, size, segment, base, index, scale, displacement + bytes);
  }

  /** A displacement of a bit string's word: the same operand {@code bytes} further on, the sum cut to the address size. */
  long linearPlus(Cpu c, long bytes, int size, boolean write) {
    long offset = offset(c) + bytes & mask;
    if (kind == FLAT) {
      return offset;
    }
    return kind == LONG ? longLinear(c, offset) : segmented(c, segment, offset, size, write);
  }

  /** The offset within the segment: what LEA gives. */
  long offset(Cpu c) {
    long[] r = c.r;
    return r[base] + (r[index] << scale) + displacement & mask;
  }

  /** The linear address for reading {@code size} bytes. Raises #GP or #SS where the segment refuses. */
  long read(Cpu c, int size) {
    long[] r = c.r;
    long offset = r[base] + (r[index] << scale) + displacement;
    return kind == FLAT ? offset : special(c, offset, size, false);
  }

  /** The linear address for writing, or for reading and writing, {@code size} bytes. */
  long write(Cpu c, int size) {
    long[] r = c.r;
    long offset = r[base] + (r[index] << scale) + displacement;
    return kind == FLAT ? offset : special(c, offset, size, true);
  }

  /** The plain kind: {@link #offset} is the linear address, no mask, no segment. */
  boolean isFlat() {
    return kind == FLAT;
  }

  /** Whether the address is no multiple of 16, outside 64-bit mode; in it false. Checks nothing of the segment. */
  boolean isMisalignedInSegment(Cpu c) {
    return kind == SEGMENTED && (c.segments[segment].base + offset(c) & 15) != 0;
  }

  /** Whether a non-canonical address here is #SS. */
  boolean usesStackSegment() {
    return segment == CpuState.SS;
  }

  private long special(Cpu c, long offset, int size, boolean write) {
    return kind == LONG
        ? longLinear(c, offset & mask)
        : segmented(c, segment, offset & mask, size, write);
  }

  private long longLinear(Cpu c, long offset) {
    return segment >= CpuState.FS ? c.segments[segment].base + offset : offset;
  }

  /**
   * The linear address of an offset within a segment outside 64-bit mode, with its checks (Intel SDM vol. 3A 5.3): null selector, type, limit.
   *
   * @param segment index as in {@code CpuState}
   * @param offset within the segment, 0..0xffffffff
   */
  static long segmented(Cpu c, int segment, long offset, int size, boolean write) {
    SegmentRegister s = c.segments[segment];
    int access = s.access;
    boolean refused =
        (access & SegmentRegister.UNUSABLE) != 0
            || (write
                ? (access & (CODE | WRITABLE)) != WRITABLE
                : (access & (CODE | WRITABLE)) == CODE);
    long last = offset + size - 1;
    if ((access & (CODE | EXPAND_DOWN)) == EXPAND_DOWN) {
      refused |= offset <= s.limit || last > (s.isBig() ? 0xffff_ffffL : 0xffff);
    } else {
      refused |= last > s.limit;
    }
    if (refused) {
      throw c.fault.raise(segment == CpuState.SS ? GuestFault.SS : GuestFault.GP, 0);
    }
    return s.base + offset & 0xffff_ffffL;
  }
}
