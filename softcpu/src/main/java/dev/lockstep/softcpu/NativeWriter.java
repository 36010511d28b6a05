package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.x64.Assembler.R15;
import static dev.lockstep.softcpu.x64.Assembler.RAX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDX;

import dev.lockstep.engine.CpuState;
import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Label;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import org.jspecify.annotations.Nullable;

/**
 * The host's code of one block as it is written: the guest's registers, flags and memory. Where they are is told by {@link NativeFrame}.
 *
 * <p>An instruction first makes its accesses to memory certain, each by {@link #access}, and only then changes anything: from there the code may be left, for the interpreter to execute the whole
 * instruction.
 */
final class NativeWriter {
  /** What guest memory is addressed with after {@link #access}. */
  static final Mem ACCESSED = Mem.sum(RAX, R15);

  private static final int PAGE_SHIFT = 12;
  private static final int ENTRY_SHIFT = 4;
  private static final int DATA_MASK = AddressTranslation.DATA_ENTRIES - 1 << ENTRY_SHIFT;
  private static final int FETCH_MASK = AddressTranslation.FETCH_ENTRIES - 1 << ENTRY_SHIFT;

  final Assembler a;

  /** The host's flags are the guest's. */
  private boolean flagsInHost;

  /** The block has looked whether XMM registers may be used. */
  private boolean vectorsChecked;

  /** Where the running instruction goes when it cannot be executed here. */
  private @Nullable Label slow;

  NativeWriter(Assembler a) {
    this.a = a;
  }

  // ---------------------------------------------------------------- instructions

  /** Another block begins. */
  void begin() {
    flagsInHost = false;
    vectorsChecked = false;
  }

  /** Another instruction begins, which goes there when it cannot be executed here. */
  void begin(Label elsewhere) {
    slow = elsewhere;
  }

  /** Where the running instruction goes when it cannot be executed here. */
  Label slow() {
    Label label = slow;
    if (label == null) {
      throw new IllegalStateException("no instruction");
    }
    return label;
  }

  // ---------------------------------------------------------------- registers

  /** A whole register: its own in the host, or the scratch register with a copy. */
  int whole(int register, int scratch) {
    int host = NativeFrame.host(register);
    if (host >= 0) {
      return host;
    }
    a.load(8, scratch, NativeFrame.slot(register));
    return scratch;
  }

  /** A register of {@code size} bytes, with anything above them: in its own register of the host, or in the scratch register, RAX RCX or RDX. */
  int get(int size, int operandCode, int scratch) {
    if (!isHigh(operandCode)) {
      return whole(operandCode, scratch);
    }
    int host = NativeFrame.host(operandCode & 31);
    if (host == Assembler.RBX) {
      a.movzxHigh(scratch, host);
    } else {
      a.mov(4, scratch, host);
      a.shift(Assembler.SHR, 4, scratch, 8);
      flagsInHost = false;
    }
    return scratch;
  }

  /** Sets a register of {@code size} bytes to what the host's register has in its low ones. RAX is overwritten. */
  void set(int size, int operandCode, int from) {
    if (isHigh(operandCode)) {
      setHigh(NativeFrame.host(operandCode & 31), from);
      return;
    }
    int host = NativeFrame.host(operandCode);
    if (host >= 0) {
      a.mov(size, host, from);
      return;
    }
    Mem place = NativeFrame.slot(operandCode);
    if (size == 4) {
      int cut = from <= RDX ? from : RAX;
      a.mov(4, cut, from);
      a.store(8, place, cut);
    } else {
      a.store(size, place, from);
    }
  }

  private void setHigh(int host, int from) {
    int value = from;
    if (from > RDX) {
      // It may be the low byte of the same register.
      a.mov(4, RAX, from);
      value = RAX;
    }
    if (host == Assembler.RBX) {
      a.movHigh(host, value);
      return;
    }
    a.shift(Assembler.ROR, 8, host, 8);
    a.mov(1, host, value);
    a.shift(Assembler.ROL, 8, host, 8);
    flagsInHost = false;
  }

  static boolean isHigh(int operandCode) {
    return (operandCode & Operand.HIGH) != 0;
  }

  // ---------------------------------------------------------------- flags

  /** The host's flags are the guest's from here on, or are no longer. */
  void flagsInHost(boolean are) {
    flagsInHost = are;
  }

  boolean flagsInHost() {
    return flagsInHost;
  }

  /** Puts the guest's flags into the host's. Overwrites RAX where they are not there already. */
  void needFlags() {
    if (!flagsInHost) {
      a.load(4, RAX, NativeFrame.slot(NativeFrame.FLAGS));
      // AL is 1 or 0: the sum overflows, or does not.
      a.aluConstant(Assembler.ADD, 1, RAX, 127);
      a.sahf();
      flagsInHost = true;
    }
  }

  /** Puts CF into the host's; the others are not kept. */
  void needCarry() {
    if (!flagsInHost) {
      a.bt(NativeFrame.slot(NativeFrame.FLAGS), NativeFlags.CARRY_BIT);
    }
  }

  /** Keeps the host's flags as the guest's. Overwrites RAX. */
  void saveFlags() {
    a.lahf();
    a.setcc(0, RAX);
    a.store(4, NativeFrame.slot(NativeFrame.FLAGS), RAX);
  }

  /** Leaves the instruction to the interpreter unless XMM registers may be used. Nothing inside a block changes that. */
  void needVectors() {
    if (!vectorsChecked) {
      a.aluConstant(Assembler.CMP, 8, NativeFrame.slot(NativeFrame.VECTORS), 0);
      a.jcc(Assembler.CC_E, slow());
      flagsInHost = false;
      vectorsChecked = true;
    }
  }

  // ---------------------------------------------------------------- memory

  /** Puts what LEA gives, in full width, into a register of the host. Overwrites RCX. */
  void offset(Ea ea, int to) {
    long displacement = ea.displacement;
    boolean near = displacement == (int) displacement;
    boolean hasBase = ea.base != Cpu.ZERO;
    boolean hasIndex = ea.index != Cpu.ZERO;
    if (!hasBase && !hasIndex) {
      a.constant(to, displacement);
    } else if (!near) {
      throw new IllegalStateException("a displacement of more than 32 bits with a register");
    } else if (!hasIndex) {
      a.lea(8, to, Mem.of(whole(ea.base, to), (int) displacement));
    } else if (hasBase) {
      int base = whole(ea.base, to);
      int index = whole(ea.index, RCX);
      a.lea(8, to, new Mem(base, index, ea.scale, (int) displacement));
    } else {
      int index = whole(ea.index, to);
      a.mov(8, to, index);
      if (ea.scale > 0) {
        a.shift(Assembler.SHL, 8, to, ea.scale);
        flagsInHost = false;
      }
      if (displacement != 0) {
        a.lea(8, to, Mem.of(to, (int) displacement));
      }
    }
    if (ea.mask == RegionCode.LOW32) {
      a.mov(4, to, to);
    } else if (ea.mask != -1L) {
      throw new IllegalStateException("an address of 16 bits in 64-bit code");
    }
  }

  /** Puts the linear address of a memory operand into RAX. Overwrites RCX. */
  void address(Ea ea) {
    offset(ea, RAX);
    if (ea.segment >= CpuState.FS && !ea.isFlat()) {
      int base = ea.segment == CpuState.FS ? NativeFrame.FS_BASE : NativeFrame.GS_BASE;
      a.alu(Assembler.ADD, 8, RAX, NativeFrame.slot(base));
      flagsInHost = false;
    }
  }

  /** As {@link #access} to a memory operand for reading. */
  void read(Ea ea, int size) {
    address(ea);
    access(NativeFrame.LOADS, size);
  }

  /** As {@link #access} to a memory operand for writing, or for reading and writing. */
  void write(Ea ea, int size) {
    address(ea);
    access(NativeFrame.STORES, size);
  }

  /**
   * Makes {@link #ACCESSED} of the linear address in RAX, or leaves the instruction to the interpreter where the fast path does not have the page. Overwrites RCX and RDX.
   *
   * @param paths the slot of {@link NativeFrame#LOADS} or {@link NativeFrame#STORES}
   */
  void access(int paths, int size) {
    a.mov(8, RCX, RAX);
    a.shift(Assembler.SHR, 8, RCX, PAGE_SHIFT - ENTRY_SHIFT);
    a.aluConstant(Assembler.AND, 4, RCX, DATA_MASK);
    a.alu(Assembler.ADD, 8, RCX, NativeFrame.slot(paths));
    // The page of the last byte: another one than the first byte's never matches.
    if (size == 1) {
      a.mov(8, RDX, RAX);
    } else {
      a.lea(8, RDX, Mem.of(RAX, size - 1));
    }
    a.aluConstant(Assembler.AND, 8, RDX, -1L << PAGE_SHIFT);
    a.alu(Assembler.CMP, 8, RDX, Mem.of(RCX, 0));
    a.jcc(Assembler.CC_NE, slow());
    a.alu(Assembler.ADD, 8, RAX, Mem.of(RCX, 8));
    flagsInHost = false;
  }

  // ---------------------------------------------------------------- fetches

  /** Where the fast path for fetches has the page of an address: a distance from its beginning. */
  static int fetchEntry(long linear) {
    return (int) (linear >>> PAGE_SHIFT - ENTRY_SHIFT) & FETCH_MASK;
  }

  /** Makes the address of the fast path's entry, in RDX, of the linear address in RCX. */
  void fetchEntryOfRcx() {
    a.mov(8, RDX, RCX);
    a.shift(Assembler.SHR, 8, RDX, PAGE_SHIFT - ENTRY_SHIFT);
    a.aluConstant(Assembler.AND, 4, RDX, FETCH_MASK);
    a.alu(Assembler.ADD, 8, RDX, NativeFrame.slot(NativeFrame.FETCHES));
  }
}
