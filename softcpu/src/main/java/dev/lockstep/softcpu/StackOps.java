package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/** PUSH, POP, PUSHA, POPA, ENTER, LEAVE. */
final class StackOps {
  private StackOps() {}

  /** Stack operations mean the stack segment. */
  abstract static class StackOp extends Op {
    @Override
    boolean usesStackSegment(Cpu c) {
      return true;
    }
  }

  /** PUSH r: 50..57. */
  static Op pushRegister(Insn insn, int register) {
    return insn.operandSize == 8
        ? new Push64(register)
        : new PushRegister(insn.is64(), insn.operandSize, register);
  }

  /** POP r: 58..5F. */
  static Op popRegister(Insn insn, int register) {
    return insn.operandSize == 8
        ? new Pop64(register)
        : new PopRegister(insn.is64(), insn.operandSize, register);
  }

  static final class Push64 extends StackOp {
    private final int s;

    Push64(int s) {
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long sp = r[4] - 8;
      c.mmu.store64(sp, r[s]);
      r[4] = sp;
    }
  }

  static final class Pop64 extends StackOp {
    private final int d;

    Pop64(int d) {
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long sp = r[4];
      long value = c.mmu.load64(sp);
      r[4] = sp + 8;
      r[d] = value;
    }
  }

  static final class PushRegister extends StackOp {
    private final boolean is64;
    private final int size;
    private final int s;

    PushRegister(boolean is64, int size, int s) {
      this.is64 = is64;
      this.size = size;
      this.s = s;
    }

    @Override
    void exec(Cpu c) {
      Stack.push(c, is64, size, c.r[s]);
    }
  }

  static final class PopRegister extends StackOp {
    private final boolean is64;
    private final int size;
    private final int d;

    PopRegister(boolean is64, int size, int d) {
      this.is64 = is64;
      this.size = size;
      this.d = d;
    }

    @Override
    void exec(Cpu c) {
      long value = Stack.peek(c, is64, size);
      Stack.release(c, is64, size);
      Operand.set(c, size, d, value);
    }
  }

  /** PUSH imm: 68, 6A. */
  static final class PushConstant extends StackOp {
    private final boolean is64;
    private final int size;
    private final long value;

    PushConstant(Insn insn) {
      this.is64 = insn.is64();
      this.size = insn.operandSize;
      this.value = insn.immediate;
    }

    @Override
    void exec(Cpu c) {
      Stack.push(c, is64, size, value);
    }
  }

  /** PUSH Sreg. With a 32-bit operand the upper half is zero (Intel's later processors leave it unwritten, earlier ones and AMD's write it). */
  static final class PushSegment extends StackOp {
    private final boolean is64;
    private final int size;
    private final int segment;

    PushSegment(Insn insn, int segment) {
      this.is64 = insn.is64();
      this.size = insn.operandSize;
      this.segment = segment;
    }

    @Override
    void exec(Cpu c) {
      Stack.push(c, is64, size, c.segments[segment].selector);
    }
  }

  /** PUSH r/m: FF /6. */
  static final class PushPlace extends Op {
    private final boolean is64;
    private final Place place;

    PushPlace(Insn insn) {
      this.is64 = insn.is64();
      this.place = Place.of(insn, insn.operandSize);
    }

    @Override
    void exec(Cpu c) {
      Stack.push(c, is64, place.size, place.read(c));
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return place.usesStackSegment() || Stack.nonCanonical(c);
    }
  }

  /** POP m: 8F /0. The address is computed with the stack pointer already moved (Intel SDM vol. 2B, POP). */
  static final class PopMemory extends MemOp {
    private final boolean is64;
    private final int size;

    PopMemory(Insn insn) {
      super(insn.memory());
      this.is64 = insn.is64();
      this.size = insn.operandSize;
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      long sp = r[4];
      long value = Stack.peek(c, is64, size);
      boolean done = false;
      try {
        Stack.release(c, is64, size);
        Operand.store(c, size, ea.write(c, size), value);
        done = true;
      } finally {
        if (!done) {
          r[4] = sp;
        }
      }
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return super.usesStackSegment(c) || Stack.nonCanonical(c);
    }
  }

  /** PUSHA, PUSHAD: 60. */
  static final class PushAll extends StackOp {
    private final int size;

    PushAll(int size) {
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      long mask = Stack.mask(c, false);
      long sp = c.r[4];
      for (int i = 0; i < 8; i++) {
        long at = Stack.linear(c, false, sp - (i + 1) * size & mask, size, true);
        Operand.store(c, size, at, c.r[i]);
      }
      Stack.commit(c, mask, sp - 8 * size);
    }
  }

  /** POPA, POPAD: 61. The saved stack pointer is skipped. */
  static final class PopAll extends StackOp {
    private final int size;

    PopAll(int size) {
      this.size = size;
    }

    @Override
    void exec(Cpu c) {
      long mask = Stack.mask(c, false);
      long sp = c.r[4];
      long[] values = new long[8];
      for (int i = 0; i < 8; i++) {
        long at = Stack.linear(c, false, sp + i * size & mask, size, false);
        values[7 - i] = Operand.load(c, size, at);
      }
      for (int i = 0; i < 8; i++) {
        if (i != 4) {
          Operand.set(c, size, i, values[i]);
        }
      }
      Stack.commit(c, mask, sp + 8 * size);
    }
  }

  /** ENTER: C8. */
  static final class Enter extends StackOp {
    private final boolean is64;
    private final int size;
    private final int bytes;
    private final int level;

    Enter(Insn insn) {
      this.is64 = insn.is64();
      this.size = insn.operandSize;
      this.bytes = (int) insn.immediate & 0xffff;
      this.level = insn.immediate2 & 31;
    }

    @Override
    void exec(Cpu c) {
      long mask = Stack.mask(c, is64);
      long[] r = c.r;
      long sp = r[4] - size;
      put(c, sp & mask, r[5]);
      long frame = sp & mask;
      for (int i = 1; i < level; i++) {
        long from = r[5] - (long) i * size & mask;
        long value = Operand.load(c, size, Stack.linear(c, is64, from, size, false));
        sp -= size;
        put(c, sp & mask, value);
      }
      if (level > 0) {
        sp -= size;
        put(c, sp & mask, frame);
      }
      sp = sp - bytes & mask;
      // The new top must be writable, as a push there would find it (Intel SDM vol. 2A, ENTER).
      Operand.loadForWrite(c, size, Stack.linear(c, is64, sp, size, true));
      Stack.commit(c, mask, sp);
      Operand.set(c, size, 5, frame);
    }

    private void put(Cpu c, long offset, long value) {
      Operand.store(c, size, Stack.linear(c, is64, offset, size, true), value);
    }
  }

  /** LEAVE: C9. */
  static final class Leave extends StackOp {
    private final boolean is64;
    private final int size;

    Leave(Insn insn) {
      this.is64 = insn.is64();
      this.size = insn.operandSize;
    }

    @Override
    void exec(Cpu c) {
      long mask = Stack.mask(c, is64);
      long sp = c.r[5] & mask;
      long value = Operand.load(c, size, Stack.linear(c, is64, sp, size, false));
      Stack.commit(c, mask, sp + size);
      Operand.set(c, size, 5, value);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return true;
    }
  }

  /** BOUND: 62 outside 64-bit mode. The pair of limits is signed and inclusive. */
  static final class Bound extends MemOp {
    private final int size;
    private final int register;

    Bound(Insn insn) {
      super(insn.memory());
      this.size = insn.operandSize;
      this.register = insn.reg;
    }

    @Override
    void exec(Cpu c) {
      long low = Operand.load(c, size, ea.linearPlus(c, 0, size, false));
      long high = Operand.load(c, size, ea.linearPlus(c, size, size, false));
      long index = Operand.signExtend(size, c.r[register]);
      if (index < Operand.signExtend(size, low) || index > Operand.signExtend(size, high)) {
        throw c.fault.raise(GuestFault.BR, 0);
      }
    }
  }

  /** PUSH of ES CS SS DS (one-byte opcodes) and FS GS. */
  static Op pushSegment(Insn insn) {
    int segment =
        switch (insn.opcode) {
          case 0x06 -> CpuState.ES;
          case 0x0e -> CpuState.CS;
          case 0x16 -> CpuState.SS;
          case 0x1e -> CpuState.DS;
          case 0x1a0 -> CpuState.FS;
          default -> CpuState.GS;
        };
    return new PushSegment(insn, segment);
  }
}
