package dev.lockstep.softcpu;

import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;

/**
 * What translated code keeps where. {@link Cpu#r} has, behind the general registers, what the code and Java tell each other; RBP points to {@link Cpu#ZERO} in it, so that everything is within a short
 * displacement. R15 is the address of guest memory, RAX RCX RDX are free within an instruction, and ten of the guest's registers have a register of the host while the code runs.
 */
final class NativeFrame {
  /** Arithmetic flags as LAHF and SETO AL leave them in AX: see {@link NativeFlags}. */
  static final int FLAGS = 17;

  /** Low 32 bits: instructions executed in whole blocks since the code was entered. Above them: branches counted less those that may be, so that the code is left where this is no longer negative. */
  static final int COUNTS = 18;

  /** Bit of one branch in {@link #COUNTS}. */
  static final int BRANCH_SHIFT = 32;

  /** Where an indirect transfer leads. */
  static final int RIP = 20;

  /** Why the code was left: see {@link NativeCode}. */
  static final int EXIT = 21;

  /** Addresses of the arrays of {@link FastPaths}, and of the XMM registers: good while the code runs. */
  static final int LOADS = 22, STORES = 23, FETCHES = 24, XMM = 25;

  /** Bases of the two segments that have one in 64-bit code. */
  static final int FS_BASE = 26, GS_BASE = 27;

  /** Address of the table of indirect transfers. */
  static final int JUMPS = 28;

  /** Address of the code that leaves. */
  static final int LEAVE = 29;

  /** Not 0 where XMM registers may be used. */
  static final int VECTORS = 30;

  /** Length of {@link Cpu#r}. */
  static final int LENGTH = 32;

  /** Distance of RBP from the beginning of {@link Cpu#r}. */
  static final int BIAS = 8 * Cpu.ZERO;

  /** The host's register of a general register of the guest, or -1: then it is in {@link Cpu#r}. RAX is in RBX, since AH is a byte register only in the first four. */
  private static final int[] HOST = {
    Assembler.RBX,
    Assembler.RSI,
    Assembler.RDI,
    Assembler.R8,
    Assembler.R9,
    Assembler.R10,
    Assembler.R11,
    Assembler.R12,
    Assembler.R13,
    -1,
    -1,
    -1,
    Assembler.R14,
    -1,
    -1,
    -1
  };

  private NativeFrame() {}

  /** The host's register of a general register, or -1. */
  static int host(int register) {
    return HOST[register];
  }

  /** A slot of {@link Cpu#r} as an operand. */
  static Mem slot(int index) {
    return Mem.of(Assembler.RBP, 8 * (index - Cpu.ZERO));
  }

  /** A byte of a slot. */
  static Mem slot(int index, int plus) {
    return Mem.of(Assembler.RBP, 8 * (index - Cpu.ZERO) + plus);
  }
}
