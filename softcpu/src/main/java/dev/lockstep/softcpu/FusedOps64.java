package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** The terminators of {@link FusedOps} with operands of 64 bits. */
final class FusedOps64 {
  private FusedOps64() {}

  static final class Cmp64RRZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp64RRZero(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = r[s];
      Alu.sub64(c, a, b);
      return choose(c, a == b);
    }
  }

  static final class Cmp64RRBelow extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp64RRBelow(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = r[s];
      Alu.sub64(c, a, b);
      return choose(c, Long.compareUnsigned(a, b) < 0);
    }
  }

  static final class Cmp64RRBelowOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp64RRBelowOrEqual(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = r[s];
      Alu.sub64(c, a, b);
      return choose(c, Long.compareUnsigned(a, b) <= 0);
    }
  }

  static final class Cmp64RRLess extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp64RRLess(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = r[s];
      Alu.sub64(c, a, b);
      return choose(c, a < b);
    }
  }

  static final class Cmp64RRLessOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Cmp64RRLessOrEqual(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = r[s];
      Alu.sub64(c, a, b);
      return choose(c, a <= b);
    }
  }

  static final class Cmp64RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Cmp64RIZero(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = imm;
      Alu.sub64(c, a, b);
      return choose(c, a == b);
    }
  }

  static final class Cmp64RIBelow extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Cmp64RIBelow(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = imm;
      Alu.sub64(c, a, b);
      return choose(c, Long.compareUnsigned(a, b) < 0);
    }
  }

  static final class Cmp64RIBelowOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Cmp64RIBelowOrEqual(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = imm;
      Alu.sub64(c, a, b);
      return choose(c, Long.compareUnsigned(a, b) <= 0);
    }
  }

  static final class Cmp64RILess extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Cmp64RILess(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = imm;
      Alu.sub64(c, a, b);
      return choose(c, a < b);
    }
  }

  static final class Cmp64RILessOrEqual extends BranchOps.TwoWay
      implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Cmp64RILessOrEqual(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long a = r[d];
      long b = imm;
      Alu.sub64(c, a, b);
      return choose(c, a <= b);
    }
  }

  static final class Cmp64RMZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int d;

    Cmp64RMZero(BranchOps.TwoWay branch, Ea ea, int d) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.d = d;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long b = c.mmu.load64(ea.read(c, 8));
      return choose(c, Alu.sub64(c, c.r[d], b) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Cmp64MRZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final int d;

    Cmp64MRZero(BranchOps.TwoWay branch, Ea ea, int d) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.d = d;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long a = c.mmu.load64(ea.read(c, 8));
      return choose(c, Alu.sub64(c, a, c.r[d]) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Cmp64MIZero extends BranchOps.TwoWay {
    private final Ea ea;
    private final long imm;

    Cmp64MIZero(BranchOps.TwoWay branch, Ea ea, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.ea = ea;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long a = c.mmu.load64(ea.read(c, 8));
      return choose(c, Alu.sub64(c, a, imm) == 0);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  static final class Test64Zero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final int s;

    Test64Zero(BranchOps.TwoWay branch, int d, int s) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.s = s;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      return choose(c, Alu.logic64(c, (r[d] & r[s])) == 0);
    }
  }

  static final class Add64RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Add64RIZero(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long sum = Alu.add64(c, r[d], imm);
      r[d] = sum;
      return choose(c, sum == 0);
    }
  }

  static final class Sub64RIZero extends BranchOps.TwoWay implements FusedOps.SetsFlagsFirst {
    private final int d;
    private final long imm;

    Sub64RIZero(BranchOps.TwoWay branch, int d, long imm) {
      super(branch.trueRip, branch.falseRip);
      this.d = d;
      this.imm = imm;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long rest = Alu.sub64(c, r[d], imm);
      r[d] = rest;
      return choose(c, rest == 0);
    }
  }
}
