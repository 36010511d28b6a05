package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** An operation on XMM or MMX registers: its register operand, and its r/m operand as a register or memory. */
abstract class VectorOp extends Op {
  /** Index of the register operand's low half in {@code Cpu.xmm}. */
  final int reg;

  /** The same for an r/m operand that is a register. */
  final int rm;

  /** The memory operand, or null for a register. */
  final @Nullable Ea ea;

  VectorOp(Insn insn) {
    this.reg = 2 * insn.reg;
    this.rm = 2 * insn.rm;
    this.ea = insn.ea;
  }

  @Override
  final boolean usesStackSegment(Cpu c) {
    return ea != null && ea.usesStackSegment();
  }

  /** Linear address of a 16-byte operand that must be aligned: #GP(0) if it is not (Intel SDM vol. 2, exceptions type 4, legacy SSE). */
  static long aligned(Cpu c, Ea operand, boolean write) {
    return aligned(c, operand, 16, write);
  }

  /** As {@link #aligned(Cpu, Ea, boolean)}, of an operand of {@code bytes}. */
  static long aligned(Cpu c, Ea operand, int bytes, boolean write) {
    // Outside 64-bit mode before the segment's limit, as the hosts that we know do.
    if (operand.isMisalignedInSegment(c)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long linear = write ? operand.write(c, bytes) : operand.read(c, bytes);
    if ((linear & 15) != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    return linear;
  }

  /** Low 64 bits of a register or of a memory operand of 8 bytes. */
  final long source64(Cpu c) {
    Ea operand = ea;
    return operand == null ? c.xmm[rm] : c.mmu.load64(operand.read(c, 8));
  }

  /** Low 32 bits of a register or of a memory operand of 4 bytes, zero-extended. */
  final long source32(Cpu c) {
    Ea operand = ea;
    return operand == null
        ? c.xmm[rm] & 0xffff_ffffL
        : c.mmu.load32(operand.read(c, 4)) & 0xffff_ffffL;
  }

  /** MMX: the register or a memory operand of 8 bytes. */
  final long sourceMmx(Cpu c) {
    Ea operand = ea;
    return operand == null
        ? c.x87.state.significand[rm >> 1 & 7]
        : c.mmu.load64(operand.read(c, 8));
  }

  /** MMX: the value of the register operand. */
  final long destinationMmx(Cpu c) {
    return c.x87.state.significand[reg >> 1 & 7];
  }

  /** MMX: enters MMX state and writes the register operand. */
  final void writeMmx(Cpu c, long value) {
    c.x87.state.enterMmx();
    c.x87.state.setMmx(reg >> 1 & 7, value);
  }

  /** Stores 16 bytes at any alignment, checking both halves first. */
  static void store128(Cpu c, long linear, long low, long high) {
    if ((linear & 15) != 0) {
      c.mmu.probeWrite(linear, 16);
    }
    c.mmu.store64(linear, low);
    c.mmu.store64(linear + 8, high);
  }
}
