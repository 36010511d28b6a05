package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** The terminators of {@link FusedOps} with operands of 32 and 8 bits. */
final class FusedOps32 {
  private FusedOps32() {}

  static final class Cmp32RRZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp32RRZero(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = (int) r[s];
      Alu.sub32(c, a, b);
      return choose(c, a == b);
    }
  }

  static final class Cmp32RRBelow extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp32RRBelow(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = (int) r[s];
      Alu.sub32(c, a, b);
      return choose(c, Integer.compareUnsigned(a, b) < 0);
    }
  }

  static final class Cmp32RRBelowOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp32RRBelowOrEqual(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = (int) r[s];
      Alu.sub32(c, a, b);
      return choose(c, Integer.compareUnsigned(a, b) <= 0);
    }
  }

  static final class Cmp32RRLess extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp32RRLess(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = (int) r[s];
      Alu.sub32(c, a, b);
      return choose(c, a < b);
    }
  }

  static final class Cmp32RRLessOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp32RRLessOrEqual(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = (int) r[s];
      Alu.sub32(c, a, b);
      return choose(c, a <= b);
    }
  }

  static final class Cmp32RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Cmp32RIZero(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = imm;
      Alu.sub32(c, a, b);
      return choose(c, a == b);
    }
  }

  static final class Cmp32RIBelow extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Cmp32RIBelow(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = imm;
      Alu.sub32(c, a, b);
      return choose(c, Integer.compareUnsigned(a, b) < 0);
    }
  }

  static final class Cmp32RIBelowOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Cmp32RIBelowOrEqual(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = imm;
      Alu.sub32(c, a, b);
      return choose(c, Integer.compareUnsigned(a, b) <= 0);
    }
  }

  static final class Cmp32RILess extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Cmp32RILess(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = imm;
      Alu.sub32(c, a, b);
      return choose(c, a < b);
    }
  }

  static final class Cmp32RILessOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Cmp32RILessOrEqual(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int a = (int) r[d];
      int b = imm;
      Alu.sub32(c, a, b);
      return choose(c, a <= b);
    }
  }

  static final class Cmp32RMZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int d;

    Cmp32RMZero(BranchOps.TwoWay branch, Ea ea, int d) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.d = d;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int b = (int) c.mmu.load32(ea.read(c, 4));
      return choose(c, Alu.sub32(c, (int) c.r[d], b) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Cmp32MRZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int d;

    Cmp32MRZero(BranchOps.TwoWay branch, Ea ea, int d) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.d = d;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int a = (int) c.mmu.load32(ea.read(c, 4));
      return choose(c, Alu.sub32(c, a, (int) c.r[d]) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Cmp32MIZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int imm;

    Cmp32MIZero(BranchOps.TwoWay branch, Ea ea, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int a = (int) c.mmu.load32(ea.read(c, 4));
      return choose(c, Alu.sub32(c, a, imm) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Test32Zero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Test32Zero(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      return choose(c, Alu.logic32(c, (int) (r[d] & r[s])) == 0);
    }
  }

  static final class Add32RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Add32RIZero(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int sum = Alu.add32(c, (int) r[d], imm);
      r[d] = sum & 0xffff_ffffL;
      return choose(c, sum == 0);
    }
  }

  static final class Sub32RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int imm;

    Sub32RIZero(BranchOps.TwoWay branch, int d, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      int rest = Alu.sub32(c, (int) r[d], imm);
      r[d] = rest & 0xffff_ffffL;
      return choose(c, rest == 0);
    }
  }

  static final class Test8Zero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int a;
    private final int b;

    Test8Zero(BranchOps.TwoWay branch, int a, int b) {
      super(branch.trueRip, branch.falseRip);
      this.a = a;
      this.b = b;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int res = (byte) (Operand.get8(c, a) & Operand.get8(c, b));
      c.flagResult = res;
      c.flagAux = 0;
      return choose(c, res == 0);
    }
  }

  static final class Cmp8MIZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int imm;

    Cmp8MIZero(BranchOps.TwoWay branch, Ea ea, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int a = (int) c.mmu.load8(ea.read(c, 1));
      Alu.cmp8(c, a, imm);
      return choose(c, (byte) a == (byte) imm);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Cmp8RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int a;
    private final int imm;

    Cmp8RIZero(BranchOps.TwoWay branch, int a, int imm) {
      super(branch.trueRip, branch.falseRip);
      this.a = a;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      Alu.cmp8(c, Operand.get8(c, a), imm);
      return choose(c, c.flagResult == 0);
    }
  }
}
