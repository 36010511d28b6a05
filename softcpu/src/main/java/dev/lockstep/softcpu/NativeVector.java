package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.NativeWriter.ACCESSED;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;

/**
 * Moves and integer operations of XMM registers in translated code, which stay in {@link Cpu#xmm}; the host's XMM0 and XMM1 are free within an instruction. Nothing that looks at MXCSR is here: results of
 * floating-point arithmetic are the interpreter's own.
 */
final class NativeVector {
  private static final int LOAD_UNALIGNED = 0x16f;
  private static final int STORE_UNALIGNED = 0x17f;

  private NativeVector() {}

  /** Whether an operation is translated. */
  static boolean translates(Op op) {
    return switch (op) {
      case SseMoveOps.Copy x -> true;
      case SseMoveOps.LoadAligned x -> true;
      case SseMoveOps.LoadUnaligned x -> true;
      case SseMoveOps.StoreAligned x -> true;
      case SseMoveOps.StoreUnaligned x -> true;
      case SseMoveOps.ScalarCopy x -> true;
      case SseMoveOps.LoadZeroing x -> true;
      case SseMoveOps.StorePart x -> true;
      case SseMoveOps.LoadHalf x -> x.ea != null;
      case SseMoveOps.FromGeneral x -> true;
      case SseMoveOps.ToGeneral x -> true;
      case SseMoveOps.CopyLowZeroing x -> true;
      default -> isSameOnHost(op);
    };
  }

  /** Two registers, or a register and aligned memory, perhaps with a constant: by the host's instruction of the same bytes. */
  private static boolean isSameOnHost(Op op) {
    return switch (op) {
      case SseIntegerOps.Lanes x -> true;
      case SseIntegerOps.Xor x -> true;
      case SseIntegerOps.Shift x -> true;
      case SseIntegerOps.Pack x -> true;
      case SseIntegerOps.Unpack x -> true;
      case SseIntegerOps.UnpackQuads x -> true;
      case SseIntegerOps.ShuffleDwords x -> true;
      case SseIntegerOps.ShuffleWords x -> true;
      case SseIntegerOps.ShuffleSingles x -> true;
      case SseIntegerOps.ShuffleDoubles x -> true;
      case SseIntegerOps.MoveMaskBytes x -> true;
      case SseIntegerOps.ShiftImmediate x -> true;
      default -> false;
    };
  }

  /** The prefix that is part of the opcode, or 0. */
  private static int prefix(Insn insn) {
    return insn.repeat != 0 ? insn.repeat : insn.prefix66 ? 0x66 : 0;
  }

  /** Bytes of a general register that is moved to or from. */
  private static int generalSize(Insn insn) {
    return (insn.rex & 8) != 0 ? 8 : 4;
  }

  /** A register in memory, once {@link #registers} was called. */
  private static Mem xmm(int register, int plus) {
    return Mem.of(RDX, 16 * register + plus);
  }

  /** Has RDX point to the registers. */
  private static void registers(NativeWriter to) {
    to.a.load(8, RDX, NativeFrame.slot(NativeFrame.XMM));
  }

  /** An instruction that {@link #translates}. */
  static void translate(NativeWriter to, RegionInsn r) {
    Insn insn = r.insn;
    Assembler a = to.a;
    to.needVectors();
    switch (r.op) {
      case SseMoveOps.Copy x -> {
        boolean store = insn.opcode == 0x111 || insn.opcode == 0x129 || insn.opcode == 0x17f;
        registers(to);
        a.vector(0xf3, LOAD_UNALIGNED, 0, xmm(store ? insn.reg : insn.rm, 0));
        a.vector(0xf3, STORE_UNALIGNED, 0, xmm(store ? insn.rm : insn.reg, 0));
      }
      case SseMoveOps.LoadAligned x -> load(to, insn, true);
      case SseMoveOps.LoadUnaligned x -> load(to, insn, false);
      case SseMoveOps.StoreAligned x -> store(to, insn, true);
      case SseMoveOps.StoreUnaligned x -> store(to, insn, false);
      case SseMoveOps.ScalarCopy x -> {
        boolean store = insn.opcode == 0x111;
        int size = prefix(insn) == 0xf3 ? 4 : 8;
        registers(to);
        a.load(size, RCX, xmm(store ? insn.reg : insn.rm, 0));
        a.store(size, xmm(store ? insn.rm : insn.reg, 0), RCX);
      }
      case SseMoveOps.LoadZeroing x -> {
        int size = x.size;
        if (insn.ea != null) {
          to.read(insn.ea, size);
          a.load(size, RCX, ACCESSED);
          registers(to);
        } else {
          registers(to);
          a.load(size, RCX, xmm(insn.rm, 0));
        }
        zeroing(to, insn.reg);
      }
      case SseMoveOps.CopyLowZeroing x -> {
        registers(to);
        a.load(8, RCX, xmm(insn.reg, 0));
        zeroing(to, insn.rm);
      }
      case SseMoveOps.FromGeneral x -> {
        int from = to.whole(insn.rm, RCX);
        a.mov(generalSize(insn), RCX, from);
        registers(to);
        zeroing(to, insn.reg);
      }
      case SseMoveOps.ToGeneral x -> {
        registers(to);
        a.load(generalSize(insn), RCX, xmm(insn.reg, 0));
        to.set(generalSize(insn), insn.rm, RCX);
      }
      case SseMoveOps.StorePart x -> {
        to.write(insn.memory(), x.size);
        registers(to);
        a.load(x.size, RCX, xmm(insn.reg, 8 * x.half));
        a.store(x.size, ACCESSED, RCX);
      }
      case SseMoveOps.LoadHalf x -> {
        to.read(insn.memory(), 8);
        a.load(8, RCX, ACCESSED);
        registers(to);
        a.store(8, xmm(insn.reg, insn.opcode == 0x116 ? 8 : 0), RCX);
      }
      case SseIntegerOps.MoveMaskBytes x -> {
        registers(to);
        a.vector(0xf3, LOAD_UNALIGNED, 0, xmm(insn.rm, 0));
        a.vector(0x66, insn.opcode, RCX, 0);
        to.set(4, insn.reg, RCX);
      }
      case SseIntegerOps.ShiftImmediate x -> {
        registers(to);
        a.vector(0xf3, LOAD_UNALIGNED, 0, xmm(insn.rm, 0));
        a.vector(0x66, insn.opcode, insn.extension, 0);
        a.u8((int) insn.immediate);
        a.vector(0xf3, STORE_UNALIGNED, 0, xmm(insn.rm, 0));
      }
      default -> same(to, insn);
    }
  }

  private static void zeroing(NativeWriter to, int register) {
    to.a.store(8, xmm(register, 0), RCX);
    to.a.storeConstant(8, xmm(register, 8), 0);
  }

  private static void access(NativeWriter to, Insn insn, boolean aligned, int paths) {
    to.address(insn.memory());
    if (aligned) {
      to.a.testConstant(1, RAX, 15);
      to.a.jcc(Assembler.CC_NE, to.slow());
    }
    to.access(paths, 16);
  }

  private static void load(NativeWriter to, Insn insn, boolean aligned) {
    access(to, insn, aligned, NativeFrame.LOADS);
    to.a.vector(0xf3, LOAD_UNALIGNED, 0, ACCESSED);
    registers(to);
    to.a.vector(0xf3, STORE_UNALIGNED, 0, xmm(insn.reg, 0));
  }

  private static void store(NativeWriter to, Insn insn, boolean aligned) {
    access(to, insn, aligned, NativeFrame.STORES);
    registers(to);
    to.a.vector(0xf3, LOAD_UNALIGNED, 0, xmm(insn.reg, 0));
    to.a.vector(0xf3, STORE_UNALIGNED, 0, ACCESSED);
  }

  private static void same(NativeWriter to, Insn insn) {
    Assembler a = to.a;
    if (insn.ea != null) {
      access(to, insn, true, NativeFrame.LOADS);
      a.vector(0xf3, LOAD_UNALIGNED, 1, ACCESSED);
      registers(to);
    } else {
      registers(to);
      a.vector(0xf3, LOAD_UNALIGNED, 1, xmm(insn.rm, 0));
    }
    a.vector(0xf3, LOAD_UNALIGNED, 0, xmm(insn.reg, 0));
    a.vector(prefix(insn), insn.opcode, 0, 1);
    if (insn.immediateSize > 0) {
      a.u8((int) insn.immediate);
    }
    a.vector(0xf3, STORE_UNALIGNED, 0, xmm(insn.reg, 0));
  }
}
