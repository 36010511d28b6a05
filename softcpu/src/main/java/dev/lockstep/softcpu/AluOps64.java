package dev.lockstep.softcpu;

/** ADD OR ADC SBB AND SUB XOR CMP TEST in 64 bits, one small class for each kind of operands. */
final class AluOps64 {
  private AluOps64() {}

  static final class AddRR extends Forms.Registers {
    AddRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add64(c, r[d], r[s]);
    }
  }

  static final class AddRI extends Forms.Immediate {
    AddRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.add64(c, r[d], imm);
    }
  }

  static final class AddRM extends Forms.RegisterMemory {
    AddRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.add64(c, r[d], value);
    }
  }

  static final class AddMR extends Forms.RegisterMemory {
    AddMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.add64(c, value, c.r[d]));
    }
  }

  static final class AddMI extends Forms.MemoryImmediate {
    AddMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.add64(c, value, imm));
    }
  }

  static final class OrRR extends Forms.Registers {
    OrRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] | r[s]);
    }
  }

  static final class OrRI extends Forms.Immediate {
    OrRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] | imm);
    }
  }

  static final class OrRM extends Forms.RegisterMemory {
    OrRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] | value);
    }
  }

  static final class OrMR extends Forms.RegisterMemory {
    OrMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value | c.r[d]));
    }
  }

  static final class OrMI extends Forms.MemoryImmediate {
    OrMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value | imm));
    }
  }

  static final class AdcRR extends Forms.Registers {
    AdcRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc64(c, r[d], r[s]);
    }
  }

  static final class AdcRI extends Forms.Immediate {
    AdcRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.adc64(c, r[d], imm);
    }
  }

  static final class AdcRM extends Forms.RegisterMemory {
    AdcRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.adc64(c, r[d], value);
    }
  }

  static final class AdcMR extends Forms.RegisterMemory {
    AdcMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.adc64(c, value, c.r[d]));
    }
  }

  static final class AdcMI extends Forms.MemoryImmediate {
    AdcMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.adc64(c, value, imm));
    }
  }

  static final class SbbRR extends Forms.Registers {
    SbbRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb64(c, r[d], r[s]);
    }
  }

  static final class SbbRI extends Forms.Immediate {
    SbbRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sbb64(c, r[d], imm);
    }
  }

  static final class SbbRM extends Forms.RegisterMemory {
    SbbRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.sbb64(c, r[d], value);
    }
  }

  static final class SbbMR extends Forms.RegisterMemory {
    SbbMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.sbb64(c, value, c.r[d]));
    }
  }

  static final class SbbMI extends Forms.MemoryImmediate {
    SbbMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.sbb64(c, value, imm));
    }
  }

  static final class AndRR extends Forms.Registers {
    AndRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] & r[s]);
    }
  }

  static final class AndRI extends Forms.Immediate {
    AndRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] & imm);
    }
  }

  static final class AndRM extends Forms.RegisterMemory {
    AndRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] & value);
    }
  }

  static final class AndMR extends Forms.RegisterMemory {
    AndMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value & c.r[d]));
    }
  }

  static final class AndMI extends Forms.MemoryImmediate {
    AndMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value & imm));
    }
  }

  static final class SubRR extends Forms.Registers {
    SubRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub64(c, r[d], r[s]);
    }
  }

  static final class SubRI extends Forms.Immediate {
    SubRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.sub64(c, r[d], imm);
    }
  }

  static final class SubRM extends Forms.RegisterMemory {
    SubRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.sub64(c, r[d], value);
    }
  }

  static final class SubMR extends Forms.RegisterMemory {
    SubMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.sub64(c, value, c.r[d]));
    }
  }

  static final class SubMI extends Forms.MemoryImmediate {
    SubMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.sub64(c, value, imm));
    }
  }

  static final class XorRR extends Forms.Registers {
    XorRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] ^ r[s]);
    }
  }

  static final class XorRI extends Forms.Immediate {
    XorRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] ^ imm);
    }
  }

  static final class XorRM extends Forms.RegisterMemory {
    XorRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      r[d] = Alu.logic64(c, r[d] ^ value);
    }
  }

  static final class XorMR extends Forms.RegisterMemory {
    XorMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value ^ c.r[d]));
    }
  }

  static final class XorMI extends Forms.MemoryImmediate {
    XorMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long at = ea.write(c, 8);
      long value = c.mmu.loadForWrite64(at);
      c.mmu.store64(at, Alu.logic64(c, value ^ imm));
    }
  }

  static final class CmpRR extends Forms.Registers {
    CmpRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub64(c, r[d], r[s]);
    }
  }

  static final class CmpRI extends Forms.Immediate {
    CmpRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.sub64(c, r[d], imm);
    }
  }

  static final class CmpRM extends Forms.RegisterMemory {
    CmpRM(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      long[] r = c.r;
      Alu.sub64(c, r[d], value);
    }
  }

  static final class CmpMR extends Forms.RegisterMemory {
    CmpMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      Alu.sub64(c, value, c.r[d]);
    }
  }

  static final class CmpMI extends Forms.MemoryImmediate {
    CmpMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      Alu.sub64(c, value, imm);
    }
  }

  static final class TestRR extends Forms.Registers {
    TestRR(int d, int s) {
      super(d, s);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic64(c, r[d] & r[s]);
    }
  }

  static final class TestRI extends Forms.Immediate {
    TestRI(int d, long imm) {
      super(d, imm);
    }

    @Override
    void exec(Cpu c) {
      long[] r = c.r;
      Alu.logic64(c, r[d] & imm);
    }
  }

  static final class TestMR extends Forms.RegisterMemory {
    TestMR(Ea ea, int d) {
      super(ea, d);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      Alu.logic64(c, value & c.r[d]);
    }
  }

  static final class TestMI extends Forms.MemoryImmediate {
    TestMI(Ea ea, long imm) {
      super(ea, imm);
    }

    @Override
    void exec(Cpu c) {
      long value = c.mmu.load64(ea.read(c, 8));
      Alu.logic64(c, value & imm);
    }
  }
}
