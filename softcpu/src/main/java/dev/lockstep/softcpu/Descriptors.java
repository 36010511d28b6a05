package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;

/** Segment descriptors in memory (Intel SDM vol. 3A 3.4.5): finding, unpacking, marking accessed, and loading data segment registers with all checks. */
final class Descriptors {
  /** Bits of a raw descriptor. */
  static final long PRESENT = 1L << 47;

  static final long CODE_OR_DATA = 1L << 44;

  private static final int[] DATA_SEGMENTS = {CpuState.ES, CpuState.DS, CpuState.FS, CpuState.GS};
  private static final int TYPE_CODE = 8;
  private static final int TYPE_CONFORMING = 4;
  private static final int TYPE_WRITABLE = 2;
  private static final int LOCAL = 4;

  private Descriptors() {}

  /** Whether a selector is null: index 0 of the GDT, whatever its RPL. */
  static boolean isNull(int selector) {
    return (selector & 0xfffc) == 0;
  }

  /** Linear address of a selector's descriptor, or -1 where its table ends before it. */
  static long address(Cpu c, int selector, int bytes) {
    int offset = selector & 0xfff8;
    if ((selector & LOCAL) != 0) {
      SegmentRegister ldt = c.segments[CpuState.LDTR];
      return !ldt.usable() || offset + bytes - 1L > ldt.limit ? -1 : ldt.base + offset;
    }
    return offset + bytes - 1 > c.gdtLimit ? -1 : c.gdtBase + offset;
  }

  /** The raw descriptor of a selector; raises {@code vector(selector)} where the table has none. */
  static long fetch(Cpu c, int selector, int vector) {
    long at = address(c, selector, 8);
    if (at == -1) {
      throw c.fault.raise(vector, selector & 0xfffc);
    }
    return c.mmu.loadSystem(at, 8);
  }

  /** Upper eight bytes of a 16-byte system descriptor in long mode, where that is needed. */
  static long fetchUpper(Cpu c, int selector, int vector) {
    long at = address(c, selector, 16);
    if (at == -1) {
      throw c.fault.raise(vector, selector & 0xfffc);
    }
    return c.mmu.loadSystem(at + 8, 8);
  }

  static int type(long descriptor) {
    return (int) (descriptor >>> 40) & 0xf;
  }

  static int dpl(long descriptor) {
    return (int) (descriptor >>> 45) & 3;
  }

  static boolean isPresent(long descriptor) {
    return (descriptor & PRESENT) != 0;
  }

  static boolean isCode(long descriptor) {
    return (descriptor & CODE_OR_DATA) != 0 && (type(descriptor) & TYPE_CODE) != 0;
  }

  /** A data segment, or a code segment that may be read. */
  static boolean isReadable(long descriptor) {
    return (descriptor & CODE_OR_DATA) != 0
        && (type(descriptor) & (TYPE_CODE | TYPE_WRITABLE)) != TYPE_CODE;
  }

  static boolean isConforming(long descriptor) {
    return (type(descriptor) & TYPE_CONFORMING) != 0;
  }

  static boolean isWritableData(long descriptor) {
    return (descriptor & CODE_OR_DATA) != 0
        && (type(descriptor) & (TYPE_CODE | TYPE_WRITABLE)) == TYPE_WRITABLE;
  }

  static long base(long descriptor) {
    return descriptor >>> 16 & 0xff_ffff | (descriptor >>> 56) << 24;
  }

  static long limit(long descriptor) {
    long limit = descriptor & 0xffff | descriptor >>> 32 & 0xf_0000;
    return (descriptor & 1L << 55) != 0 ? limit << 12 | 0xfff : limit;
  }

  static int access(long descriptor) {
    return (int) (descriptor >>> 40) & 0xf0ff;
  }

  /** Fills a register's hidden part. */
  static void unpack(SegmentRegister register, int selector, long descriptor) {
    register.set(selector, base(descriptor), limit(descriptor), access(descriptor));
  }

  /** Sets the accessed bit in memory where it is clear; returns the descriptor with it set. */
  static long markAccessed(Cpu c, int selector, long descriptor) {
    if ((type(descriptor) & 1) == 0) {
      long at = address(c, selector, 8);
      c.mmu.storeSystem(at + 5, 1, (descriptor >>> 40 & 0xff) | 1);
    }
    return descriptor | 1L << 40;
  }

  /** Loads ES, SS, DS, FS or GS as MOV and POP do. */
  static void loadData(Cpu c, int index, int selector) {
    if (index == CpuState.SS) {
      loadStack(c, selector);
      return;
    }
    SegmentRegister register = c.segments[index];
    if (isNull(selector)) {
      register.set(selector, 0, 0, SegmentRegister.UNUSABLE);
      return;
    }
    long descriptor = fetch(c, selector, GuestFault.GP);
    int type = type(descriptor);
    boolean segment = (descriptor & CODE_OR_DATA) != 0;
    boolean unreadable = (type & (TYPE_CODE | TYPE_WRITABLE)) == TYPE_CODE;
    boolean conforming = (type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING);
    boolean forbidden =
        !conforming && (dpl(descriptor) < (selector & 3) || dpl(descriptor) < c.cpl);
    if (!segment || unreadable || forbidden) {
      throw c.fault.raise(GuestFault.GP, selector & 0xfffc);
    }
    if (!isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.NP, selector & 0xfffc);
    }
    unpack(register, selector, markAccessed(c, selector, descriptor));
  }

  private static void loadStack(Cpu c, int selector) {
    if (isNull(selector)) {
      boolean allowed = CodeMode.of(c) == CodeMode.LONG64 && c.cpl != 3 && (selector & 3) == c.cpl;
      if (!allowed) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      nullStack(c, selector);
      return;
    }
    long descriptor = stackDescriptor(c, selector, c.cpl, GuestFault.GP);
    unpack(c.segments[CpuState.SS], selector, markAccessed(c, selector, descriptor));
  }

  /** SS with a null selector, as 64-bit mode allows below CPL 3. */
  static void nullStack(Cpu c, int selector) {
    c.segments[CpuState.SS].set(
        selector, 0, 0xffff_ffffL, SegmentRegister.UNUSABLE | (selector & 3) << 5);
  }

  /** A descriptor fit for SS at a privilege; raises {@code vector(selector)}, or #SS(selector) if it is not present. */
  static long stackDescriptor(Cpu c, int selector, int cpl, int vector) {
    long descriptor = fetch(c, selector, vector);
    if ((selector & 3) != cpl || dpl(descriptor) != cpl || !isWritableData(descriptor)) {
      throw c.fault.raise(vector, selector & 0xfffc);
    }
    if (!isPresent(descriptor)) {
      throw c.fault.raise(GuestFault.SS, selector & 0xfffc);
    }
    return descriptor;
  }

  /** A return to an outer privilege takes away data segments that it may not have (SDM vol. 2, RET). */
  static void dropInner(Cpu c) {
    for (int index : DATA_SEGMENTS) {
      SegmentRegister register = c.segments[index];
      boolean conforming =
          (register.type() & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING);
      if (register.usable() && register.dpl() < c.cpl && !conforming) {
        register.set(0, 0, 0, SegmentRegister.UNUSABLE);
      }
    }
  }
}
