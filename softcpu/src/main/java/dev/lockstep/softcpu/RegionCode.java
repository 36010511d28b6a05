package dev.lockstep.softcpu;

import static java.lang.constant.ConstantDescs.CD_boolean;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.TypeKind;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.DynamicConstantDesc;
import java.lang.constant.MethodTypeDesc;

/**
 * The JVM's code of one region as it is written: guest registers, flags and counts in locals, operands of instructions on the stack. Operands of 8 bytes are longs, smaller ones ints, sign-extended where
 * they are narrower.
 */
final class RegionCode {
  static final ClassDesc CPU = describe(Cpu.class);
  static final ClassDesc MMU = describe(Mmu.class);
  static final ClassDesc OP = describe(Op.class);
  private static final ClassDesc SEGMENT = describe(SegmentRegister.class);
  private static final ClassDesc LONGS = CD_long.arrayType();
  static final long LOW32 = 0xffff_ffffL;

  private static final MethodTypeDesc ACCESS =
      MethodTypeDesc.of(CD_long, MMU, CD_int, CD_long, CD_long);

  /** Of the method {@link Region.Code#run}: this, the CPU, the limit, the pages. */
  private static final int CPU_LOCAL = 1;

  private static final int LIMIT = 2;
  private static final int PAGES = 4;

  final CodeBuilder code;
  private final int mmu;
  private final int array;
  private final int branches;
  private final int instructions;
  private final int at;
  final int target;
  final int flagResult;
  final int flagAux;
  private final int[] registers = new int[16];

  /** A bit for each general register that the region uses, or writes. */
  private final long used;

  private final long written;

  RegionCode(CodeBuilder code, long used, long written) {
    this.code = code;
    this.used = used;
    this.written = written;
    this.mmu = code.allocateLocal(TypeKind.REFERENCE);
    this.array = code.allocateLocal(TypeKind.REFERENCE);
    this.branches = code.allocateLocal(TypeKind.LONG);
    this.instructions = code.allocateLocal(TypeKind.LONG);
    this.at = code.allocateLocal(TypeKind.INT);
    this.target = code.allocateLocal(TypeKind.LONG);
    this.flagResult = code.allocateLocal(TypeKind.LONG);
    this.flagAux = code.allocateLocal(TypeKind.LONG);
    for (int i = 0; i < 16; i++) {
      registers[i] = (used >> i & 1) != 0 ? code.allocateLocal(TypeKind.LONG) : -1;
    }
  }

  static ClassDesc describe(Class<?> type) {
    return type.describeConstable().orElseThrow();
  }

  // ---------------------------------------------------------------- entry and exit

  /** Loads everything into locals. */
  void enter() {
    code.aload(CPU_LOCAL).getfield(CPU, "mmu", MMU).astore(mmu);
    code.aload(CPU_LOCAL).getfield(CPU, "r", LONGS).astore(array);
    fromField("branchCount", branches);
    fromField("instructions", instructions);
    loadFlags();
    code.iconst_0().istore(at);
    code.lconst_0().lstore(target);
    load(used);
  }

  /** Writes everything back but RIP. */
  void writeBack() {
    store(written);
    storeFlags();
    toField(branches, "branchCount");
    toField(instructions, "instructions");
  }

  /** Where the code goes when it is left, of which {@link #target} tells. */
  void leave() {
    writeBack();
    toField(target, "rip");
    code.return_();
  }

  /** What an instruction raised is on the stack: writes back, tells which one it was, and throws it on. */
  void rethrow() {
    writeBack();
    code.aload(CPU_LOCAL).iload(at).putfield(CPU, "regionAt", CD_int);
    code.athrow();
  }

  /** The next instruction may raise. */
  void at(RegionInsn insn) {
    code.loadConstant(insn.at).istore(at);
  }

  /** Adds a constant to the count of branches. */
  void count(int branchesMore) {
    if (branchesMore != 0) {
      code.lload(branches).loadConstant((long) branchesMore).ladd().lstore(branches);
    }
  }

  /** Adds a constant to the count of instructions. */
  void completed(int instructionsMore) {
    code.lload(instructions).loadConstant((long) instructionsMore).ladd().lstore(instructions);
  }

  /** Puts a number on the stack that is negative while the limit is not reached. */
  void limitReached() {
    code.lload(branches).lload(LIMIT).lcmp();
  }

  /** Puts a number on the stack that is 0 if an instruction's page may be entered without any effect. */
  void fetched(long rip, int page) {
    code.aload(mmu)
        .loadConstant(rip)
        .invokevirtual(MMU, "fetched", MethodTypeDesc.of(CD_long, CD_long));
    code.aload(PAGES).loadConstant(page).laload();
    code.loadConstant(rip & GuestMemory.PAGE_SIZE - 1).ladd().lcmp();
  }

  /** Puts a field of the CPU that is a boolean on the stack. */
  void asked(String field) {
    code.aload(CPU_LOCAL).getfield(CPU, field, CD_boolean);
  }

  /** Calls an operation that is no instruction of ours, with the registers that it uses in the CPU around it. */
  void call(RegionInsn insn) {
    store(insn.use.reads() & written | insn.use.writes() & written);
    boolean flags = insn.use.reads(RegisterUse.FLAGS) || insn.use.writes(RegisterUse.FLAGS);
    if (flags) {
      storeFlags();
    }
    toField(branches, "branchCount");
    code.loadConstant(
        DynamicConstantDesc.ofNamed(
            ConstantDescs.ofConstantBootstrap(
                describe(java.lang.invoke.MethodHandles.class),
                "classDataAt",
                ConstantDescs.CD_Object,
                CD_int),
            ConstantDescs.DEFAULT_NAME,
            OP,
            insn.at));
    code.aload(CPU_LOCAL).invokevirtual(OP, "exec", MethodTypeDesc.of(CD_void, CPU));
    load(insn.use.writes());
    if (flags) {
      loadFlags();
    }
  }

  private void load(long which) {
    for (int i = 0; i < 16; i++) {
      if ((which >> i & 1) != 0) {
        code.aload(array).loadConstant(i).laload().lstore(registers[i]);
      }
    }
  }

  private void store(long which) {
    for (int i = 0; i < 16; i++) {
      if ((which >> i & 1) != 0) {
        code.aload(array).loadConstant(i).lload(registers[i]).lastore();
      }
    }
  }

  private void loadFlags() {
    fromField("flagResult", flagResult);
    fromField("flagAux", flagAux);
  }

  private void storeFlags() {
    toField(flagResult, "flagResult");
    toField(flagAux, "flagAux");
  }

  private void fromField(String field, int local) {
    code.aload(CPU_LOCAL).getfield(CPU, field, CD_long).lstore(local);
  }

  private void toField(int local, String field) {
    code.aload(CPU_LOCAL).lload(local).putfield(CPU, field, CD_long);
  }

  // ---------------------------------------------------------------- registers

  /** Pushes a whole register. */
  void get64(int register) {
    code.lload(registers[register]);
  }

  /** Pops into a whole register. */
  void set64(int register) {
    code.lstore(registers[register]);
  }

  /** Pushes a register of {@code size} bytes. */
  void get(int size, int operandCode) {
    get64(operandCode & 31);
    if ((operandCode & Operand.HIGH) != 0) {
      code.loadConstant(8).lushr();
    }
    narrow(size);
  }

  /** Pops into a register of {@code size} bytes. */
  void set(int size, int operandCode) {
    int register = operandCode & 31;
    switch (size) {
      case 8 -> set64(register);
      case 4 -> {
        zeroExtend();
        set64(register);
      }
      default -> {
        get64(register);
        String how = size == 2 ? "low16" : (operandCode & Operand.HIGH) != 0 ? "high8" : "low8";
        helper(how, MethodTypeDesc.of(CD_long, CD_int, CD_long));
        set64(register);
      }
    }
  }

  /** Makes an operand of {@code size} bytes of a long. */
  void narrow(int size) {
    switch (size) {
      case 1 -> code.l2i().i2b();
      case 2 -> code.l2i().i2s();
      case 4 -> code.l2i();
      default -> {}
    }
  }

  /** Makes a long of an int, zero-extended. */
  void zeroExtend() {
    code.i2l().loadConstant(LOW32).land();
  }

  /** Pushes a constant operand. */
  void constant(int size, long value) {
    switch (size) {
      case 1 -> code.loadConstant((int) (byte) value);
      case 2 -> code.loadConstant((int) (short) value);
      case 4 -> code.loadConstant((int) value);
      default -> code.loadConstant(value);
    }
  }

  /** A new local of an operand's kind. */
  int local(int size) {
    return code.allocateLocal(size == 8 ? TypeKind.LONG : TypeKind.INT);
  }

  void loadLocal(int size, int local) {
    if (size == 8) {
      code.lload(local);
    } else {
      code.iload(local);
    }
  }

  void storeLocal(int size, int local) {
    if (size == 8) {
      code.lstore(local);
    } else {
      code.istore(local);
    }
  }

  /** Calls a method of {@link RegionMath}. */
  void helper(String name, MethodTypeDesc type) {
    code.invokestatic(describe(RegionMath.class), name, type);
  }

  // ---------------------------------------------------------------- memory

  /** Pushes the offset within the segment: what LEA gives, in full width. */
  void offset(Ea ea) {
    boolean empty = true;
    if (ea.base != Cpu.ZERO) {
      get64(ea.base);
      empty = false;
    }
    if (ea.index != Cpu.ZERO) {
      get64(ea.index);
      if (ea.scale != 0) {
        code.loadConstant(ea.scale).lshl();
      }
      if (!empty) {
        code.ladd();
      }
      empty = false;
    }
    if (empty) {
      code.loadConstant(ea.displacement);
    } else if (ea.displacement != 0) {
      code.loadConstant(ea.displacement).ladd();
    }
    if (ea.mask != -1L) {
      code.loadConstant(ea.mask).land();
    }
  }

  /** Pushes the linear address of 64-bit code. */
  void address(Ea ea) {
    offset(ea);
    if (ea.segment >= CpuState.FS && !ea.isFlat()) {
      code.aload(CPU_LOCAL).getfield(CPU, "segments", SEGMENT.arrayType());
      code.loadConstant(ea.segment).aaload().getfield(SEGMENT, "base", CD_long).ladd();
    }
  }

  /** Pushes what is at the linear address in a local, {@code size} bytes. */
  void load(int size, int addressLocal) {
    code.aload(mmu).loadConstant(RegionMemory.LOAD + log2(size)).lload(addressLocal).lconst_0();
    access();
    narrow(size);
  }

  /** As {@link #load}, for an operand that the same instruction stores to. */
  void loadForWrite(int size, int addressLocal) {
    code.aload(mmu)
        .loadConstant(RegionMemory.LOAD_FOR_WRITE + log2(size))
        .lload(addressLocal)
        .lconst_0();
    access();
    narrow(size);
  }

  /** Stores the operand in a local to the linear address in another. */
  void store(int size, int addressLocal, int valueLocal) {
    code.aload(mmu).loadConstant(RegionMemory.STORE + log2(size)).lload(addressLocal);
    loadLocal(size, valueLocal);
    if (size != 8) {
      code.i2l();
    }
    access();
    code.pop2();
  }

  private void access() {
    code.invokestatic(describe(RegionMemory.class), "access", ACCESS);
  }

  private static int log2(int size) {
    return Integer.numberOfTrailingZeros(size);
  }

  /** Puts the address of a memory operand into a new local. */
  int addressLocal(Ea ea) {
    int local = code.allocateLocal(TypeKind.LONG);
    address(ea);
    code.lstore(local);
    return local;
  }
}
