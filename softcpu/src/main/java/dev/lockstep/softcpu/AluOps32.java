package dev.lockstep.softcpu;

/** ADD OR ADC SBB AND SUB XOR CMP TEST in 32 bits, one small class for each kind of operands. */
final class AluOps32 {
  private AluOps32() {}

  /** Register and register: the first is read and written. */
  abstract static class Registers extends Op {
    final int d;
    final int s;

    Registers(int d, int s) {
      this.d = d;
      this.s = s;
    }
  }

  /** Register and immediate. */
  abstract static class Immediate extends Op {
    final int d;
    final int imm;

    Immediate(int d, long imm) {
      this.d = d;
      this.imm = (int) imm;
    }
  }

  /** Register and memory, in the order the subclass says. */
  abstract static class RegisterMemory extends Op {
    final Ea ea;
    final int d;

    RegisterMemory(Ea ea, int d) {
      this.ea = ea;
      this.d = d;
    }

    @Override
    final boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** Memory and immediate. */
  abstract static class MemoryImmediate extends Op {
    final Ea ea;
    final int imm;

    MemoryImmediate(Ea ea, long imm) {
      this.ea = ea;
      this.imm = (int) imm;
    }

    @Override
    final boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class AddRR extends Registers {
    AddRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AddRI extends Immediate {
    AddRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add32(c, (int) r[d], imm) & 0xffff_ffffL;
    }
  }

  static final class AddRM extends RegisterMemory {
    AddRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.add32(c, (int) r[d], value) & 0xffff_ffffL;
    }
  }

  static final class AddMR extends RegisterMemory {
    AddMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.add32(c, value, (int) c.r[d]));
    }
  }

  static final class AddMI extends MemoryImmediate {
    AddMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.add32(c, value, imm));
    }
  }

  static final class OrRR extends Registers {
    OrRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] | (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class OrRI extends Immediate {
    OrRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] | imm) & 0xffff_ffffL;
    }
  }

  static final class OrRM extends RegisterMemory {
    OrRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] | value) & 0xffff_ffffL;
    }
  }

  static final class OrMR extends RegisterMemory {
    OrMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value | (int) c.r[d]));
    }
  }

  static final class OrMI extends MemoryImmediate {
    OrMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value | imm));
    }
  }

  static final class AdcRR extends Registers {
    AdcRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AdcRI extends Immediate {
    AdcRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc32(c, (int) r[d], imm) & 0xffff_ffffL;
    }
  }

  static final class AdcRM extends RegisterMemory {
    AdcRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.adc32(c, (int) r[d], value) & 0xffff_ffffL;
    }
  }

  static final class AdcMR extends RegisterMemory {
    AdcMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.adc32(c, value, (int) c.r[d]));
    }
  }

  static final class AdcMI extends MemoryImmediate {
    AdcMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.adc32(c, value, imm));
    }
  }

  static final class SbbRR extends Registers {
    SbbRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class SbbRI extends Immediate {
    SbbRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb32(c, (int) r[d], imm) & 0xffff_ffffL;
    }
  }

  static final class SbbRM extends RegisterMemory {
    SbbRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.sbb32(c, (int) r[d], value) & 0xffff_ffffL;
    }
  }

  static final class SbbMR extends RegisterMemory {
    SbbMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sbb32(c, value, (int) c.r[d]));
    }
  }

  static final class SbbMI extends MemoryImmediate {
    SbbMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sbb32(c, value, imm));
    }
  }

  static final class AndRR extends Registers {
    AndRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] & (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AndRI extends Immediate {
    AndRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] & imm) & 0xffff_ffffL;
    }
  }

  static final class AndRM extends RegisterMemory {
    AndRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] & value) & 0xffff_ffffL;
    }
  }

  static final class AndMR extends RegisterMemory {
    AndMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value & (int) c.r[d]));
    }
  }

  static final class AndMI extends MemoryImmediate {
    AndMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value & imm));
    }
  }

  static final class SubRR extends Registers {
    SubRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class SubRI extends Immediate {
    SubRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub32(c, (int) r[d], imm) & 0xffff_ffffL;
    }
  }

  static final class SubRM extends RegisterMemory {
    SubRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.sub32(c, (int) r[d], value) & 0xffff_ffffL;
    }
  }

  static final class SubMR extends RegisterMemory {
    SubMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sub32(c, value, (int) c.r[d]));
    }
  }

  static final class SubMI extends MemoryImmediate {
    SubMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sub32(c, value, imm));
    }
  }

  static final class XorRR extends Registers {
    XorRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] ^ (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class XorRI extends Immediate {
    XorRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] ^ imm) & 0xffff_ffffL;
    }
  }

  static final class XorRM extends RegisterMemory {
    XorRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] ^ value) & 0xffff_ffffL;
    }
  }

  static final class XorMR extends RegisterMemory {
    XorMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value ^ (int) c.r[d]));
    }
  }

  static final class XorMI extends MemoryImmediate {
    XorMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value ^ imm));
    }
  }

  static final class CmpRR extends Registers {
    CmpRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub32(c, (int) r[d], (int) r[s]);
    }
  }

  static final class CmpRI extends Immediate {
    CmpRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub32(c, (int) r[d], imm);
    }
  }

  static final class CmpRM extends RegisterMemory {
    CmpRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      long[] r = c.r;
      Alu.sub32(c, (int) r[d], value);
    }
  }

  static final class CmpMR extends RegisterMemory {
    CmpMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.sub32(c, value, (int) c.r[d]);
    }
  }

  static final class CmpMI extends MemoryImmediate {
    CmpMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.sub32(c, value, imm);
    }
  }

  static final class TestRR extends Registers {
    TestRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic32(c, (int) r[d] & (int) r[s]);
    }
  }

  static final class TestRI extends Immediate {
    TestRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic32(c, (int) r[d] & imm);
    }
  }

  static final class TestMR extends RegisterMemory {
    TestMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.logic32(c, value & (int) c.r[d]);
    }
  }

  static final class TestMI extends MemoryImmediate {
    TestMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.logic32(c, value & imm);
    }
  }
}
