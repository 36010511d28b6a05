package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.NativeWriter.ACCESSED;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.softcpu.RegionInsn.FlagEffect;
import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Label;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Translates blocks, one after the other, for one vCPU. */
final class NativeCompiler {
  /** A way out, as it is written. */
  record Way(long rip, Label cell, Label stub, boolean crosses) {}

  /** Instructions after which code is left that counts no branches. */
  private static final int MAX_UNCOUNTED = 100_000;

  private static final long WITHIN = GuestMemory.PAGE_SIZE - 1;

  final Assembler a = new Assembler();
  private final NativeWriter to = new NativeWriter(a);
  private final Decoder decoder = new Decoder();
  private final byte[] window = new byte[Decoder.MAX_LENGTH];
  private final int transferIncrement;

  /** The direct ways out of the block that was translated last. */
  final List<Way> ways = new ArrayList<>();

  private final List<Runnable> stubs = new ArrayList<>();
  private final List<RegionInsn> insns = new ArrayList<>();

  /** How instructions are translated that {@link RegionForm} has called; null for others. */
  private final List<@Nullable NativeForm> forms = new ArrayList<>();

  private Block block = Block.STOP;
  private int firstEdge;
  private int index;

  /** Where the running end of the block leaves the code. */
  private Label out = new Label();

  /** Where operations of the body go on: see {@link NativeBlock#resume}. */
  private Label[] resume = new Label[0];

  NativeCompiler(int transferIncrement) {
    this.transferIncrement = transferIncrement;
  }

  // ---------------------------------------------------------------- decoding

  /** The block with an operation for each instruction; remembers its instructions. */
  Block plain(Block of, MemorySegment memory) {
    block = of;
    insns.clear();
    forms.clear();
    byte[] code = new byte[of.length];
    MemorySegment.copy(memory, GuestMemory.U8, of.offset, code, 0, code.length);
    List<Op> body = new ArrayList<>();
    short[] starts = new short[of.instructions + 1];
    short[] counts = new short[of.instructions + 2];
    int at = 0;
    while (at < code.length) {
      int available = Math.min(Decoder.MAX_LENGTH, code.length - at);
      System.arraycopy(code, at, window, 0, available);
      Insn insn = decoder.decode(CodeMode.LONG64, of.rip + at, window, available);
      Op op = OpDecode.decode(insn);
      int number = insns.size();
      RegionInsn made =
          new RegionInsn(
              insn, op, RegisterUse.of(64, Arrays.copyOf(insn.bytes, insn.length)), number, number);
      insns.add(made);
      forms.add(made.form == RegionForm.CALLED ? NativeForm.of(made) : null);
      body.add(op);
      starts[number] = (short) at;
      counts[number] = (short) number;
      at += insn.length;
    }
    boolean falls = of.end instanceof Terminator.FallThrough;
    int n = insns.size();
    Terminator end =
        falls ? new Terminator.FallThrough(of.rip + at) : (Terminator) body.removeLast();
    int last = falls ? n : n - 1;
    starts[last] = (short) (falls ? at : starts[last]);
    counts[last] = (short) last;
    counts[last + 1] = (short) n;
    return new Block(
        of.rip,
        of.offset,
        -1,
        CodeMode.LONG64,
        of.length,
        body.toArray(new Op[0]),
        end,
        Arrays.copyOf(starts, last + 1),
        Arrays.copyOf(counts, last + 2),
        false,
        false);
  }

  // ---------------------------------------------------------------- a block

  /**
   * Writes the code of a block into {@link #a}.
   *
   * @param made for the block that {@link #plain} gave last
   * @param edge the number of its first way out
   */
  void translate(NativeBlock made, int edge) {
    a.clear();
    ways.clear();
    stubs.clear();
    firstEdge = edge;
    index = made.index;
    findFlags();
    int body = made.plain.body.length;
    resume = new Label[body];
    to.begin();
    for (int k = 0; k < body; k++) {
      instruction(insns.get(k), k);
    }
    if (made.plain.end instanceof Terminator.FallThrough) {
      completed();
      edge(block.rip + block.length);
    } else {
      to.begin(slow(body));
      transfer(insns.get(body));
    }
    for (int i = 0; i < stubs.size(); i++) {
      stubs.get(i).run();
    }
    a.align(8);
    for (Way way : ways) {
      a.bind(way.cell);
      a.u64(0);
      if (way.crosses) {
        a.u64(way.rip & ~WITHIN);
        a.u64(0);
      }
    }
    for (int k = 0; k < body; k++) {
      made.resume[k] = resume[k] == null ? 0 : resume[k].at();
    }
  }

  /** Which flags nobody sees: those that are set again before anything reads them, or may be left to the interpreter. */
  private void findFlags() {
    boolean seen = true;
    for (int i = insns.size() - 1; i >= 0; i--) {
      RegionInsn insn = insns.get(i);
      insn.flagsSeen = seen;
      NativeForm how = forms.get(i);
      FlagEffect effect =
          how == null ? insn.effect : how.isCalled(insn) ? FlagEffect.ANY : how.effect;
      boolean mayLeave = how == null ? insn.mayRaise : how.mayLeave(insn);
      seen =
          switch (effect) {
            case NONE, CHANGES -> seen;
            case READS -> true;
            case ANY -> how == null || seen;
            case SETS -> readsCarry(insn);
          };
      seen |= mayLeave;
    }
  }

  private static boolean readsCarry(RegionInsn insn) {
    int kind = RegionAlu.kind(insn);
    return kind == Alu.ADC || kind == Alu.SBB;
  }

  private void instruction(RegionInsn r, int k) {
    Label slow = slow(k);
    Label after = new Label();
    to.begin(slow);
    NativeForm how = forms.get(k);
    if (how != null && !how.isCalled(r)) {
      how.translate(to, r);
    } else if (r.form == RegionForm.CALLED) {
      a.jmp(slow);
      to.flagsInHost(false);
    } else {
      translated(r);
    }
    a.bind(after);
    if (!slow.isUsed()) {
      return;
    }
    if (!to.flagsInHost()) {
      resume[k] = after;
      return;
    }
    Label again = new Label();
    resume[k] = again;
    stubs.add(() -> {
      a.bind(again);
      to.flagsInHost(false);
      to.needFlags();
      a.jmp(after);
    });
  }

  /** The place where instruction {@code k} is left to the interpreter. */
  private Label slow(int k) {
    Label label = new Label();
    stubs.add(() -> {
      if (label.isUsed()) {
        a.bind(label);
        leave(NativeCode.slow(index, k));
      }
    });
    return label;
  }

  private void leave(int exit) {
    a.storeConstant(8, NativeFrame.slot(NativeFrame.EXIT), exit);
    a.jmp(NativeFrame.slot(NativeFrame.LEAVE));
  }

  private void translated(RegionInsn r) {
    switch (r.form) {
      case NOP -> {}
      case MOVE_TO_PLACE -> NativeMoves.toPlace(to, r);
      case MOVE_TO_REGISTER -> NativeMoves.toRegister(to, r);
      case CONSTANT_TO_PLACE -> NativeMoves.constantToPlace(to, r);
      case CONSTANT_TO_REGISTER -> NativeMoves.constantToRegister(to, r);
      case ZERO_EXTEND, SIGN_EXTEND -> NativeMoves.extend(to, r);
      case ADDRESS -> NativeMoves.address(to, r);
      case ALU_PLACE_REGISTER,
          ALU_REGISTER_PLACE,
          ALU_ACCUMULATOR,
          ALU_PLACE_CONSTANT,
          INCREMENT,
          DECREMENT,
          NEGATE ->
          NativeAlu.arithmetic(to, r);
      case NOT -> NativeAlu.not(to, r);
      case MULTIPLY_WIDE -> NativeAlu.multiplyWide(to, r);
      case MULTIPLY, MULTIPLY_CONSTANT -> NativeAlu.multiply(to, r);
      case SHIFT -> NativeAlu.shift(to, r);
      case PUSH_REGISTER, PUSH_CONSTANT -> NativeMoves.push(to, r);
      case POP_REGISTER -> NativeMoves.pop(to, r);
      case CONDITIONAL_MOVE -> NativeMoves.conditional(to, r);
      case SET_CONDITION -> NativeMoves.setCondition(to, r);
      case EXTEND_ACCUMULATOR -> NativeMoves.extendAccumulator(to, r);
      case EXTEND_TO_PAIR -> NativeMoves.extendToPair(to, r);
      case BYTE_SWAP -> NativeMoves.byteSwap(to, r);
      case EXCHANGE -> NativeMoves.exchange(to, r);
      case CALLED, CONDITIONAL_BRANCH, JUMP, CALL, RETURN, JUMP_INDIRECT, CALL_INDIRECT ->
          throw new IllegalStateException(r.insn + " inside a block");
    }
  }

  // ---------------------------------------------------------------- ends of blocks

  private void transfer(RegionInsn last) {
    Insn insn = last.insn;
    switch (last.form) {
      case CONDITIONAL_BRANCH -> {
        to.needFlags();
        Label taken = new Label();
        a.jcc(insn.opcode & 15, taken);
        completed(1);
        edge(insn.nextRip);
        a.bind(taken);
        completed(1);
        edge(BranchOps.target(insn));
      }
      case JUMP -> {
        completed(transferIncrement);
        edge(BranchOps.target(insn));
      }
      case CALL -> {
        pushReturn(insn);
        completed(transferIncrement);
        edge(BranchOps.target(insn));
      }
      case RETURN -> {
        NativeMoves.top(to);
        a.load(8, RCX, ACCESSED);
        checkTarget();
        NativeMoves.popped(to, 8 + (insn.opcode == 0xc2 ? (int) insn.immediate : 0));
        indirect();
      }
      case JUMP_INDIRECT, CALL_INDIRECT -> {
        int from = NativeAlu.source(to, insn, 8);
        if (from != RCX) {
          a.mov(8, RCX, from);
        }
        checkTarget();
        if (last.form == RegionForm.CALL_INDIRECT) {
          a.store(8, NativeFrame.slot(NativeFrame.RIP), RCX);
          pushReturn(insn);
          a.load(8, RCX, NativeFrame.slot(NativeFrame.RIP));
        }
        indirect();
      }
      default -> throw new IllegalStateException(insn + " at the end of a block");
    }
  }

  private void pushReturn(Insn insn) {
    NativeMoves.pushSpace(to);
    if (insn.nextRip == (int) insn.nextRip) {
      a.storeConstant(8, ACCESSED, insn.nextRip);
    } else {
      a.constant(RCX, insn.nextRip);
      a.store(8, ACCESSED, RCX);
    }
    NativeMoves.pushed(to);
  }

  /** The target in RCX must be canonical: else the interpreter raises what it raises. */
  private void checkTarget() {
    a.mov(8, RAX, RCX);
    a.shift(Assembler.SHL, 8, RAX, 16);
    a.shift(Assembler.SAR, 8, RAX, 16);
    a.alu(Assembler.CMP, 8, RAX, RCX);
    a.jcc(Assembler.CC_NE, to.slow());
  }

  /** The block's instructions are completed, and it falls through. */
  private void completed() {
    a.aluConstant(Assembler.ADD, 8, NativeFrame.slot(NativeFrame.COUNTS), block.instructions);
  }

  /** The block's instructions are completed: counts them and a control transfer, and leaves before the next block where no more may be counted. Overwrites RAX. */
  private void completed(int increment) {
    out = new Label();
    if (increment != 0) {
      a.constant(RAX, (long) increment << NativeFrame.BRANCH_SHIFT | block.instructions);
      a.alu(Assembler.ADD, 8, NativeFrame.slot(NativeFrame.COUNTS), RAX);
      a.jcc(Assembler.CC_NS, out);
    } else {
      completed();
      a.aluConstant(Assembler.CMP, 4, NativeFrame.slot(NativeFrame.COUNTS), MAX_UNCOUNTED);
      a.jcc(Assembler.CC_A, out);
    }
  }

  /** Goes on at a known address. */
  private void edge(long rip) {
    Label stub = out;
    out = new Label();
    boolean crosses = ((rip ^ block.rip) & ~WITHIN) != 0;
    Way way = new Way(rip, new Label(), stub, crosses);
    int number = firstEdge + ways.size();
    ways.add(way);
    if (crosses) {
      int entry = NativeWriter.fetchEntry(rip);
      a.load(8, RDX, NativeFrame.slot(NativeFrame.FETCHES));
      a.load(RAX, way.cell, 8);
      a.alu(Assembler.CMP, 8, RAX, Mem.of(RDX, entry));
      a.jcc(Assembler.CC_NE, stub);
      a.load(RAX, way.cell, 16);
      a.alu(Assembler.CMP, 8, RAX, Mem.of(RDX, entry + 8));
      a.jcc(Assembler.CC_NE, stub);
    }
    a.jmpThrough(way.cell);
    stubs.add(() -> {
      a.bind(stub);
      leave(number);
    });
  }

  /** Goes on at the address in RCX: to its translation if that is in the table and its page may be entered without any effect. */
  private void indirect() {
    a.store(8, NativeFrame.slot(NativeFrame.RIP), RCX);
    completed(transferIncrement);
    Label stub = out;
    out = new Label();
    a.mov(8, RAX, RCX);
    a.shift(Assembler.SHR, 8, RAX, 12);
    a.alu(Assembler.XOR, 4, RAX, RCX);
    a.aluConstant(Assembler.AND, 4, RAX, NativeCode.JUMPS - 1);
    a.shift(Assembler.SHL, 4, RAX, NativeCode.JUMP_SHIFT);
    a.alu(Assembler.ADD, 8, RAX, NativeFrame.slot(NativeFrame.JUMPS));
    a.alu(Assembler.CMP, 8, RCX, Mem.of(RAX, 0));
    a.jcc(Assembler.CC_NE, stub);
    to.fetchEntryOfRcx();
    a.load(8, RCX, Mem.of(RAX, 16));
    a.alu(Assembler.CMP, 8, RCX, Mem.of(RDX, 0));
    a.jcc(Assembler.CC_NE, stub);
    a.load(8, RCX, Mem.of(RAX, 24));
    a.alu(Assembler.CMP, 8, RCX, Mem.of(RDX, 8));
    a.jcc(Assembler.CC_NE, stub);
    a.jmp(Mem.of(RAX, 8));
    stubs.add(() -> {
      a.bind(stub);
      leave(NativeCode.INDIRECT);
    });
  }
}
