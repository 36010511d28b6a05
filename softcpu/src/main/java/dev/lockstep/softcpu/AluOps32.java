package dev.lockstep.softcpu;

/** ADD OR ADC SBB AND SUB XOR CMP TEST in 32 bits, one small class for each kind of operands. */
final class AluOps32 {
  private AluOps32() {}

  static final class AddRR extends Forms.Registers {
    AddRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AddRI extends Forms.Immediate {
    AddRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add32(c, (int) r[d], (int) imm) & 0xffff_ffffL;
    }
  }

  static final class AddRM extends Forms.RegisterMemory {
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

  static final class AddMR extends Forms.RegisterMemory {
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

  static final class AddMI extends Forms.MemoryImmediate {
    AddMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.add32(c, value, (int) imm));
    }
  }

  static final class OrRR extends Forms.Registers {
    OrRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] | (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class OrRI extends Forms.Immediate {
    OrRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] | (int) imm) & 0xffff_ffffL;
    }
  }

  static final class OrRM extends Forms.RegisterMemory {
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

  static final class OrMR extends Forms.RegisterMemory {
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

  static final class OrMI extends Forms.MemoryImmediate {
    OrMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value | (int) imm));
    }
  }

  static final class AdcRR extends Forms.Registers {
    AdcRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AdcRI extends Forms.Immediate {
    AdcRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc32(c, (int) r[d], (int) imm) & 0xffff_ffffL;
    }
  }

  static final class AdcRM extends Forms.RegisterMemory {
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

  static final class AdcMR extends Forms.RegisterMemory {
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

  static final class AdcMI extends Forms.MemoryImmediate {
    AdcMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.adc32(c, value, (int) imm));
    }
  }

  static final class SbbRR extends Forms.Registers {
    SbbRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class SbbRI extends Forms.Immediate {
    SbbRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb32(c, (int) r[d], (int) imm) & 0xffff_ffffL;
    }
  }

  static final class SbbRM extends Forms.RegisterMemory {
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

  static final class SbbMR extends Forms.RegisterMemory {
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

  static final class SbbMI extends Forms.MemoryImmediate {
    SbbMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sbb32(c, value, (int) imm));
    }
  }

  static final class AndRR extends Forms.Registers {
    AndRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] & (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class AndRI extends Forms.Immediate {
    AndRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] & (int) imm) & 0xffff_ffffL;
    }
  }

  static final class AndRM extends Forms.RegisterMemory {
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

  static final class AndMR extends Forms.RegisterMemory {
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

  static final class AndMI extends Forms.MemoryImmediate {
    AndMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value & (int) imm));
    }
  }

  static final class SubRR extends Forms.Registers {
    SubRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub32(c, (int) r[d], (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class SubRI extends Forms.Immediate {
    SubRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub32(c, (int) r[d], (int) imm) & 0xffff_ffffL;
    }
  }

  static final class SubRM extends Forms.RegisterMemory {
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

  static final class SubMR extends Forms.RegisterMemory {
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

  static final class SubMI extends Forms.MemoryImmediate {
    SubMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.sub32(c, value, (int) imm));
    }
  }

  static final class XorRR extends Forms.Registers {
    XorRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] ^ (int) r[s]) & 0xffff_ffffL;
    }
  }

  static final class XorRI extends Forms.Immediate {
    XorRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic32(c, (int) r[d] ^ (int) imm) & 0xffff_ffffL;
    }
  }

  static final class XorRM extends Forms.RegisterMemory {
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

  static final class XorMR extends Forms.RegisterMemory {
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

  static final class XorMI extends Forms.MemoryImmediate {
    XorMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 4);
      int value = (int) c.mmu.loadForWrite32(at);
      c.mmu.store32(at, Alu.logic32(c, value ^ (int) imm));
    }
  }

  static final class CmpRR extends Forms.Registers {
    CmpRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub32(c, (int) r[d], (int) r[s]);
    }
  }

  static final class CmpRI extends Forms.Immediate {
    CmpRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub32(c, (int) r[d], (int) imm);
    }
  }

  static final class CmpRM extends Forms.RegisterMemory {
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

  static final class CmpMR extends Forms.RegisterMemory {
    CmpMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.sub32(c, value, (int) c.r[d]);
    }
  }

  static final class CmpMI extends Forms.MemoryImmediate {
    CmpMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.sub32(c, value, (int) imm);
    }
  }

  static final class TestRR extends Forms.Registers {
    TestRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic32(c, (int) r[d] & (int) r[s]);
    }
  }

  static final class TestRI extends Forms.Immediate {
    TestRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic32(c, (int) r[d] & (int) imm);
    }
  }

  static final class TestMR extends Forms.RegisterMemory {
    TestMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.logic32(c, value & (int) c.r[d]);
    }
  }

  static final class TestMI extends Forms.MemoryImmediate {
    TestMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      int value = (int) c.mmu.load32(ea.read(c, 4));
      Alu.logic32(c, value & (int) imm);
    }
  }
}
