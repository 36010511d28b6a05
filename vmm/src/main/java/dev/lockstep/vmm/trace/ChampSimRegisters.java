package dev.lockstep.vmm.trace;

import dev.lockstep.softcpu.RegisterUse;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The registers of an instruction as ChampSim wants them. It has no field for the kind of a branch, but finds it by which of the instruction pointer (26), the stack pointer (6), the flags (25) and
 * other registers are read and written (its {@code inc/instruction.h}); so these come first, and are set to what gives the right kind:
 *
 * <ul>
 *   <li>An indirect jump or call must read another register. One whose target is in memory at an address without registers, or relative to RSP, reads {@link #MEMORY_TARGET}, which nothing writes.
 *   <li>A far transfer (IRET, SYSCALL, INT n and so on) is "other", lest IRET be taken for the return from a call: it reads the flags, and neither of the pointers.
 * </ul>
 *
 * Numbers are those that traces made by Pin have (its {@code REG} enumeration), but for parts of registers, which are the whole register here.
 */
final class ChampSimRegisters {
  /** Read where a branch's target depends on memory alone. */
  static final int MEMORY_TARGET = 116;

  private static final int STACK_POINTER = 6;
  private static final int FLAGS = 25;
  private static final int INSTRUCTION_POINTER = 26;
  private static final int X87 = 99;
  private static final int XMM0 = 100;
  private static final int R8 = 11;

  /** RAX to RDI, as they are encoded. */
  private static final int[] GENERAL = {10, 9, 8, 7, STACK_POINTER, 5, 4, 3};

  private static final int WRITTEN = 2;
  private static final int READ = 4;
  private static final int RSP = 4;
  private static final long RSP_BIT = 1L << RSP;
  private static final long FLAGS_BIT = 1L << RegisterUse.FLAGS;
  private static final long IP_BIT = 1L << RegisterUse.INSTRUCTION_POINTER;
  private static final long SPECIAL = RSP_BIT | FLAGS_BIT | IP_BIT;

  private final @Nullable BranchKind kind;
  private final boolean oneOperand;
  private final byte[] written = new byte[WRITTEN];
  private final byte[] read = new byte[READ];

  private ChampSimRegisters(
      @Nullable BranchKind kind, boolean oneOperand, long reads, long writes, boolean target) {
    this.kind = kind;
    this.oneOperand = oneOperand;
    fill(written, writes);
    int count = fill(read, reads);
    if (target && count < READ) {
      read[count] = MEMORY_TARGET;
    }
  }

  /** Those of an instruction by its bytes. */
  static ChampSimRegisters of(int bits, byte[] code) {
    RegisterUse use = RegisterUse.of(bits, code);
    BranchKind kind = BranchKind.of(code, bits);
    boolean oneOperand = !BranchKind.comparesStrings(code, bits);
    long reads = use.reads();
    boolean target = false;
    switch (kind) {
      case INDIRECT_JUMP -> {
        reads &= ~SPECIAL;
        target = reads == 0;
      }
      case INDIRECT_CALL -> target = (reads & ~SPECIAL) == 0;
      case FAR -> reads = reads & ~SPECIAL | FLAGS_BIT;
      case null, default -> {}
    }
    return new ChampSimRegisters(kind, oneOperand, reads, use.writes(), target);
  }

  /** Fills in numbers as far as there is room: the instruction pointer, then the others as they are encoded, the flags last unless it is a branch. */
  private int fill(byte[] numbers, long registers) {
    int count = 0;
    long left = registers;
    if (kind != null) {
      for (long first : new long[] {IP_BIT, RSP_BIT, FLAGS_BIT}) {
        if ((left & first) != 0 && count < numbers.length) {
          numbers[count++] = number(Long.numberOfTrailingZeros(first));
        }
        left &= ~first;
      }
    }
    for (int pass = 0; pass < 2; pass++) {
      long now = pass == 0 ? left & ~FLAGS_BIT : left & FLAGS_BIT;
      for (; now != 0 && count < numbers.length; now &= now - 1) {
        numbers[count++] = number(Long.numberOfTrailingZeros(now));
      }
    }
    return count;
  }

  private static byte number(int register) {
    int number =
        switch (register) {
          case RegisterUse.FLAGS -> FLAGS;
          case RegisterUse.INSTRUCTION_POINTER -> INSTRUCTION_POINTER;
          case RegisterUse.FPU -> X87;
          default ->
              register >= RegisterUse.XMM
                  ? XMM0 + register - RegisterUse.XMM
                  : register < GENERAL.length ? GENERAL[register] : R8 + register - GENERAL.length;
        };
    return (byte) number;
  }

  /** What kind of control transfer it is; null for none. */
  @Nullable BranchKind kind() {
    return kind;
  }

  /** Whether neighbouring loads are of one operand: not those of CMPS, which has two. */
  boolean isOneOperand() {
    return oneOperand;
  }

  /** Two registers written, four read. */
  void write(ByteBuffer record, int at) {
    record.put(at, written).put(at + WRITTEN, read);
  }
}
