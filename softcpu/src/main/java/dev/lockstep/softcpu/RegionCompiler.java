package dev.lockstep.softcpu;

import static java.lang.constant.ConstantDescs.CD_boolean;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;

import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a class of the JVM out of a region's code. One of them compiles one region. */
final class RegionCompiler {
  /** HotSpot never compiles a method that is longer (HugeMethodLimit). */
  private static final int MAX_BYTECODE = 8000;

  /** Calls of a region that one return is compared with. */
  private static final int MAX_RETURNS = 4;

  private static final ClassDesc CODE = RegionCode.describe(Region.Code.class);
  private static final ClassDesc TRANSLATED =
      ClassDesc.of(RegionCompiler.class.getPackageName(), "Translated");
  private static final MethodTypeDesc RUN =
      MethodTypeDesc.of(CD_void, RegionCode.CPU, CD_long, CD_long.arrayType());

  private final RegionPlan plan;
  private final List<List<RegionInsn>> parts = new ArrayList<>();
  private final List<RegionInsn> all = new ArrayList<>();
  private final List<Runnable> stubs = new ArrayList<>();
  private @Nullable RegionInsn[] late = new RegionInsn[0];
  private Label[] starts = new Label[0];
  private @Nullable Label leave;

  private RegionCompiler(RegionPlan plan) {
    this.plan = plan;
  }

  /** The region of a plan; null where it would be too long for HotSpot. */
  static @Nullable Region compile(RegionPlan plan) {
    return new RegionCompiler(plan).compile();
  }

  private @Nullable Region compile() {
    for (RegionPlan.Part part : plan.parts()) {
      decode(part);
    }
    late = RegionFlags.mark(parts, successors());
    byte[] bytes =
        ClassFile.of()
            .build(
                TRANSLATED,
                c ->
                    c.withSuperclass(CODE)
                        .withFlags(ClassFile.ACC_FINAL)
                        .withMethodBody(
                            ConstantDescs.INIT_NAME,
                            ConstantDescs.MTD_void,
                            0,
                            code ->
                                code.aload(0)
                                    .invokespecial(
                                        CODE, ConstantDescs.INIT_NAME, ConstantDescs.MTD_void)
                                    .return_())
                        .withMethodBody("run", RUN, 0, this::run));
    if (bytes.length > 3 * MAX_BYTECODE || tooLong(bytes)) {
      return null;
    }
    return new Region(plan, load(bytes), rips(), done(), ops().toArray(new Op[0]));
  }

  private static boolean tooLong(byte[] bytes) {
    return ClassFile.of().parse(bytes).methods().stream()
        .flatMap(method -> method.code().stream())
        .anyMatch(code ->
            ((java.lang.classfile.attribute.CodeAttribute) code).codeLength() > MAX_BYTECODE);
  }

  private Region.Code load(byte[] bytes) {
    try {
      MethodHandles.Lookup lookup =
          MethodHandles.lookup().defineHiddenClassWithClassData(bytes, ops(), true);
      return (Region.Code)
          lookup
              .findConstructor(
                  lookup.lookupClass(), java.lang.invoke.MethodType.methodType(void.class))
              .invoke();
    } catch (Throwable e) {
      throw new IllegalStateException(
          "the translation of the code at %#x is no class of the JVM".formatted(plan.rip()), e);
    }
  }

  // ---------------------------------------------------------------- what there is

  private void decode(RegionPlan.Part part) {
    List<RegionInsn> insns = new ArrayList<>();
    Decoder decoder = new Decoder();
    byte[] window = new byte[Decoder.MAX_LENGTH];
    int at = 0;
    while (at < part.code().length) {
      int available = Math.min(Decoder.MAX_LENGTH, part.code().length - at);
      System.arraycopy(part.code(), at, window, 0, available);
      Insn insn = decoder.decode(CodeMode.LONG64, part.rip() + at, window, available);
      Op op = OpDecode.decode(insn);
      byte[] bytes = java.util.Arrays.copyOf(insn.bytes, insn.length);
      RegionInsn made =
          new RegionInsn(insn, op, RegisterUse.of(64, bytes), all.size(), insns.size());
      insns.add(made);
      all.add(made);
      at += insn.length;
    }
    parts.add(insns);
  }

  private long[] rips() {
    return all.stream().mapToLong(r -> r.insn.rip).toArray();
  }

  private short[] done() {
    short[] done = new short[all.size()];
    for (int i = 0; i < done.length; i++) {
      done[i] = (short) all.get(i).done;
    }
    return done;
  }

  private List<Op> ops() {
    return all.stream().map(r -> r.op).toList();
  }

  /** The block of the region that begins there, or -1. */
  private int part(long rip) {
    for (int i = 0; i < parts.size(); i++) {
      if (plan.parts().get(i).rip() == rip) {
        return i;
      }
    }
    return -1;
  }

  private int[][] successors() {
    int[][] successors = new int[parts.size()][];
    for (int i = 0; i < successors.length; i++) {
      List<Integer> known = new ArrayList<>();
      for (long target : targets(parts.get(i).getLast(), plan.parts().get(i).fallsThrough())) {
        if (part(target) >= 0) {
          known.add(part(target));
        }
      }
      successors[i] = known.stream().mapToInt(x -> x).toArray();
    }
    return successors;
  }

  private long[] targets(RegionInsn last, boolean fallsThrough) {
    if (fallsThrough) {
      return new long[] {last.insn.nextRip};
    }
    return switch (last.form) {
      case CONDITIONAL_BRANCH -> new long[] {BranchOps.target(last.insn), last.insn.nextRip};
      case JUMP, CALL -> new long[] {BranchOps.target(last.insn)};
      case RETURN -> returns();
      default -> new long[0];
    };
  }

  /** Where the calls of the region go on. */
  private long[] returns() {
    return parts.stream()
        .map(List::getLast)
        .filter(last -> last.form == RegionForm.CALL)
        .mapToLong(last -> last.insn.nextRip)
        .filter(rip -> part(rip) >= 0)
        .distinct()
        .limit(MAX_RETURNS)
        .toArray();
  }

  // ---------------------------------------------------------------- the method

  private void run(CodeBuilder code) {
    long used = 0;
    long written = 0;
    for (RegionInsn r : all) {
      used |= r.use.reads() | r.use.writes();
      written |= r.use.writes();
    }
    RegionCode to = new RegionCode(code, used & 0xffff, written & 0xffff);
    to.enter();
    Label from = code.newBoundLabel();
    Label end = code.newLabel();
    Label handler = code.newLabel();
    Label out = code.newLabel();
    leave = out;
    starts = new Label[parts.size()];
    for (int i = 0; i < starts.length; i++) {
      starts[i] = code.newLabel();
    }
    for (int i = 0; i < starts.length; i++) {
      code.labelBinding(starts[i]);
      part(to, i);
    }
    for (int i = 0; i < stubs.size(); i++) {
      stubs.get(i).run();
    }
    code.labelBinding(end);
    code.labelBinding(out);
    to.leave();
    code.labelBinding(handler);
    to.rethrow();
    code.exceptionCatchAll(from, end, handler);
  }

  private void part(RegionCode to, int i) {
    List<RegionInsn> insns = parts.get(i);
    boolean falls = plan.parts().get(i).fallsThrough();
    for (RegionInsn r : insns) {
      if (r.mayRaise) {
        to.at(r);
      }
      if (!r.form.isTransfer()) {
        instruction(to, r);
      }
    }
    RegionInsn last = insns.getLast();
    if (falls) {
      to.completed(insns.size());
      edge(to, i, last.insn.nextRip, false);
    } else {
      transfer(to, i, last, insns.size());
    }
  }

  private static void instruction(RegionCode to, RegionInsn r) {
    switch (r.form) {
      case NOP -> {}
      case MOVE_TO_PLACE -> RegionMoves.toPlace(to, r);
      case MOVE_TO_REGISTER -> RegionMoves.toRegister(to, r);
      case CONSTANT_TO_PLACE -> RegionMoves.constantToPlace(to, r);
      case CONSTANT_TO_REGISTER -> RegionMoves.constantToRegister(to, r);
      case ZERO_EXTEND, SIGN_EXTEND -> RegionMoves.extend(to, r);
      case ADDRESS -> RegionMoves.address(to, r);
      case ALU_PLACE_REGISTER,
          ALU_REGISTER_PLACE,
          ALU_ACCUMULATOR,
          ALU_PLACE_CONSTANT,
          INCREMENT,
          DECREMENT,
          NEGATE ->
          RegionAlu.arithmetic(to, r);
      case NOT -> RegionAlu.not(to, r);
      case MULTIPLY_WIDE -> RegionAlu.multiplyWide(to, r);
      case MULTIPLY, MULTIPLY_CONSTANT -> RegionAlu.multiply(to, r);
      case SHIFT -> RegionAlu.shift(to, r);
      case PUSH_REGISTER, PUSH_CONSTANT -> RegionMoves.push(to, r);
      case POP_REGISTER -> RegionMoves.pop(to, r);
      case CONDITIONAL_MOVE -> RegionMoves.conditional(to, r);
      case SET_CONDITION -> RegionMoves.setCondition(to, r);
      case EXTEND_ACCUMULATOR -> RegionMoves.extendAccumulator(to, r);
      case EXTEND_TO_PAIR -> RegionMoves.extendToPair(to, r);
      case BYTE_SWAP -> RegionMoves.byteSwap(to, r);
      case EXCHANGE -> RegionMoves.exchange(to, r);
      case CALLED -> to.call(r);
      case CONDITIONAL_BRANCH, JUMP, CALL, RETURN, JUMP_INDIRECT, CALL_INDIRECT ->
          throw new IllegalStateException(r.insn + " inside a block");
    }
  }

  private void transfer(RegionCode to, int i, RegionInsn last, int instructions) {
    CodeBuilder code = to.code;
    Insn insn = last.insn;
    switch (last.form) {
      case CONDITIONAL_BRANCH -> {
        to.completed(instructions);
        to.count(1);
        Label other = code.newLabel();
        boolean negated = (insn.opcode & 1) != 0;
        RegionConditions.pushEven(to, last);
        code.ifeq(other);
        long taken = BranchOps.target(insn);
        edge(to, i, negated ? insn.nextRip : taken, true);
        code.labelBinding(other);
        edge(to, i, negated ? taken : insn.nextRip, true);
      }
      case JUMP -> {
        to.completed(instructions);
        to.count(plan.transferIncrement());
        edge(to, i, BranchOps.target(insn), true);
      }
      case CALL -> {
        pushReturn(to, insn);
        to.completed(instructions);
        to.count(plan.transferIncrement());
        edge(to, i, BranchOps.target(insn), true);
      }
      case RETURN -> {
        int address = to.local(8);
        to.get64(4);
        code.lstore(address);
        to.load(8, address);
        checkTarget(to);
        int bytes = insn.opcode == 0xc2 ? (int) insn.immediate : 0;
        code.lload(address).loadConstant(8L + bytes).ladd();
        to.set64(4);
        to.completed(instructions);
        to.count(plan.transferIncrement());
        for (long site : returns()) {
          Label other = code.newLabel();
          code.lload(to.target).loadConstant(site).lcmp().ifne(other);
          edge(to, i, site, true);
          code.labelBinding(other);
        }
        // An instruction that may raise is before this: the flags are there.
        code.goto_(leave());
      }
      case JUMP_INDIRECT, CALL_INDIRECT -> {
        int value = to.local(8);
        RegionAlu.place(to, insn.ea, 8, insn.rm, value);
        code.lload(value);
        checkTarget(to);
        if (last.form == RegionForm.CALL_INDIRECT) {
          pushReturn(to, insn);
        }
        to.completed(instructions);
        to.count(plan.transferIncrement());
        // An instruction that may raise is before this: the flags are there.
        code.goto_(leave());
      }
      default -> throw new IllegalStateException(insn + " at the end of a block");
    }
  }

  private static void pushReturn(RegionCode to, Insn insn) {
    int value = to.local(8);
    to.code.loadConstant(insn.nextRip).lstore(value);
    RegionMoves.pushLocal(to, value);
  }

  /** Pops a branch's target into the local for it, checked. */
  private static void checkTarget(RegionCode to) {
    int target = to.local(8);
    to.code
        .lstore(target)
        .aload(1)
        .iconst_1()
        .lload(target)
        .invokestatic(
            RegionCode.describe(BranchOps.class),
            "checked",
            MethodTypeDesc.of(CD_long, RegionCode.CPU, CD_boolean, CD_long))
        .lstore(to.target);
  }

  /** Makes the flags of a block whose last setter left them to whoever goes out. */
  private void makeFlags(RegionCode to, int i) {
    RegionInsn last = late[i];
    if (last != null) {
      RegionAlu.flags(to, last);
    }
  }

  private Label leave() {
    Label label = leave;
    if (label == null) {
      throw new IllegalStateException("no method yet");
    }
    return label;
  }

  /** From the end of a block to an address: to the block there, or out. */
  private void edge(RegionCode to, int i, long rip, boolean counted) {
    CodeBuilder code = to.code;
    int next = part(rip);
    Label stub = code.newLabel();
    if (next < 0) {
      code.goto_(stub);
    } else {
      if (counted) {
        to.limitReached();
        code.ifge(stub);
      }
      to.asked("attention");
      code.ifne(stub);
      if (next <= i) {
        to.asked("kicked");
        code.ifne(stub);
      }
      RegionPlan.Part there = plan.parts().get(next);
      if (there.page() != plan.parts().get(i).page()) {
        to.fetched(rip, plan.page(there));
        code.ifne(stub);
      }
      code.goto_(starts[next]);
    }
    stubs.add(() -> {
      code.labelBinding(stub);
      makeFlags(to, i);
      code.loadConstant(rip).lstore(to.target).goto_(leave());
    });
  }
}
