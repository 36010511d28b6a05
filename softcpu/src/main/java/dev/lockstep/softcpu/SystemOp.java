package dev.lockstep.softcpu;

/** A system instruction as a function of the CPU. None of them is hot enough for a class of its own. */
final class SystemOp extends Op {
  /** What it does; throws before any effect. */
  interface Body {
    void run(Cpu c);
  }

  private final Body body;
  private final int placement;
  private final long nextRip;
  private final boolean stackSegment;

  private SystemOp(Insn insn, int placement, Body body) {
    this.body = body;
    this.placement = placement;
    this.nextRip = insn.nextRip;
    this.stackSegment = insn.ea != null && insn.ea.usesStackSegment();
  }

  /** Straight-line: nothing that the loop or later decoding looks at changes. */
  static Op middle(Insn insn, Body body) {
    return new SystemOp(insn, MIDDLE, body);
  }

  /** The last of its block; control goes to the next instruction. */
  static Op ends(Insn insn, Body body) {
    return new SystemOp(insn, ENDS, body);
  }

  /** In a block of its own, since it may exit; control goes to the next instruction. */
  static Op alone(Insn insn, Body body) {
    return new SystemOp(insn, ALONE, body);
  }

  @Override
  void exec(Cpu c) {
    body.run(c);
    if (placement != MIDDLE) {
      c.rip = nextRip;
    }
  }

  @Override
  int placement() {
    return placement;
  }

  @Override
  boolean usesStackSegment(Cpu c) {
    return stackSegment;
  }

  /** A control transfer: sets RIP itself, and counts as a branch when it completes. */
  static final class Transfer extends Op {
    private final Body body;
    private final int placement;
    private final boolean stackSegment;

    /**
     * @param stackSegment whether its non-canonical addresses are #SS
     */
    Transfer(Body body, boolean stackSegment) {
      this(body, stackSegment, ENDS);
    }

    Transfer(Body body, boolean stackSegment, int placement) {
      this.body = body;
      this.stackSegment = stackSegment;
      this.placement = placement;
    }

    @Override
    void exec(Cpu c) {
      body.run(c);
      c.branchCount += c.transferIncrement;
    }

    @Override
    int placement() {
      return placement;
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return stackSegment;
    }
  }
}
