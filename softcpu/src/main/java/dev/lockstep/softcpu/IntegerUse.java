package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.UseBuilder.RAX;
import static dev.lockstep.softcpu.UseBuilder.RBP;
import static dev.lockstep.softcpu.UseBuilder.RBX;
import static dev.lockstep.softcpu.UseBuilder.RCX;
import static dev.lockstep.softcpu.UseBuilder.RDI;
import static dev.lockstep.softcpu.UseBuilder.RDX;
import static dev.lockstep.softcpu.UseBuilder.RSI;
import static dev.lockstep.softcpu.UseBuilder.RSP;

/** What the instructions of the one-byte opcode map read and write, x87's apart (Intel SDM vol. 2). */
final class IntegerUse {
  private static final int ADC = 2;
  private static final int SBB = 3;
  private static final int CMP = 7;

  private IntegerUse() {}

  /** Adds what a defined instruction uses. */
  static void add(UseBuilder use, Insn insn) {
    int opcode = insn.opcode;
    if (opcode < 0x40) {
      arithmetic(use, insn);
    } else if (opcode < 0x70) {
      low(use, insn);
    } else if (opcode < 0xa0) {
      middle(use, insn);
    } else if (opcode < 0xc0) {
      accumulatorAndStrings(use, insn);
    } else if (opcode < 0xe0) {
      high(use, insn);
    } else {
      last(use, insn);
    }
  }

  private static void arithmetic(UseBuilder use, Insn insn) {
    int kind = insn.opcode >> 3;
    int size = use.size();
    switch (insn.opcode & 7) {
      case 0, 1 -> alu(use.readReg(size), kind).readRm(size);
      case 2, 3 -> alu(use.readRm(size), kind).readReg(size);
      case 4, 5 -> alu(use, kind).read(RAX);
      default -> {
        if (insn.opcode == 0x27
            || insn.opcode == 0x2f
            || insn.opcode == 0x37
            || insn.opcode == 0x3f) {
          use.change(RAX).readFlags().setFlags();
        } else {
          use.stack();
        }
        return;
      }
    }
    if (kind != CMP) {
      switch (insn.opcode & 7) {
        case 0, 1 -> use.writeRm(size);
        case 2, 3 -> use.writeReg(size);
        default -> use.writeLow(RAX, size);
      }
    }
  }

  /** The flags of the eight arithmetic operations. */
  private static UseBuilder alu(UseBuilder use, int kind) {
    return kind == ADC || kind == SBB ? use.readFlags().setFlags() : use.setFlags();
  }

  /** 40..6F. */
  private static void low(UseBuilder use, Insn insn) {
    int size = insn.operandSize;
    switch (insn.opcode >> 3) {
      case 0x8, 0x9 -> use.change(insn.rm).setFlags();
      case 0xa -> use.stack().read(insn.rm);
      case 0xb -> use.stack().writeLow(insn.rm, size);
      default -> {
        switch (insn.opcode) {
          case 0x60 -> use.read(RAX, RCX, RDX, RBX, RBP, RSI, RDI).stack();
          case 0x61 -> {
            for (int register : new int[] {RAX, RCX, RDX, RBX, RBP, RSI, RDI}) {
              use.writeLow(register, size);
            }
            use.stack();
          }
          case 0x62 -> use.readReg(size).address();
          case 0x63 -> {
            if (insn.is64()) {
              use.readRm(4).writeReg(size);
            } else {
              use.changeRm(2).readReg(2).setFlags();
            }
          }
          case 0x69, 0x6b -> use.readRm(size).writeReg(size).setFlags();
          case 0x6c, 0x6d -> use.read(RDX).string(RDI);
          case 0x6e, 0x6f -> use.read(RDX).string(RSI);
          default -> use.stack();
        }
      }
    }
  }

  /** 70..9F. */
  private static void middle(UseBuilder use, Insn insn) {
    int opcode = insn.opcode;
    int size = use.size();
    switch (opcode) {
      case 0x80, 0x81, 0x82, 0x83 -> {
        // 82 is of bytes like 80, 83 of the operand size like 81.
        alu(use, insn.extension).readRm(size);
        if (insn.extension != CMP) {
          use.writeRm(size);
        }
      }
      case 0x84, 0x85 -> use.readRm(size).readReg(size).setFlags();
      case 0x86, 0x87 -> use.changeRm(size).readReg(size).writeReg(size);
      case 0x88, 0x89 -> use.readReg(size).writeRm(size);
      case 0x8a, 0x8b -> use.readRm(size).writeReg(size);
      case 0x8c -> use.writeRm(insn.operandSize);
      case 0x8d -> use.address().writeReg(insn.operandSize);
      case 0x8e -> use.readRm(2);
      case 0x8f -> use.stack().writeRm(insn.operandSize);
      case 0x98 -> use.change(RAX);
      case 0x99 -> use.read(RAX).writeLow(RDX, insn.operandSize);
      case 0x9a -> use.stack().jumpFromHere();
      case 0x9c -> use.stack().readFlags();
      case 0x9d -> use.stack().setFlags();
      case 0x9e -> use.read(RAX).setFlags();
      case 0x9f -> use.change(RAX).readFlags();
      default -> {
        if (opcode < 0x80) {
          use.readFlags().jumpFromHere();
        } else if (insn.rm != RAX) {
          use.change(RAX, insn.rm);
        }
      }
    }
  }

  /** A0..BF. */
  private static void accumulatorAndStrings(UseBuilder use, Insn insn) {
    int size = use.size();
    switch (insn.opcode) {
      case 0xa0, 0xa1 -> use.writeLow(RAX, size);
      case 0xa2, 0xa3 -> use.read(RAX);
      case 0xa4, 0xa5 -> use.string(RSI, RDI);
      case 0xa6, 0xa7 -> use.string(RSI, RDI).setFlags();
      case 0xa8, 0xa9 -> use.read(RAX).setFlags();
      case 0xaa, 0xab -> use.read(RAX).string(RDI);
      case 0xac, 0xad -> {
        use.string(RSI).writeLow(RAX, size);
        if (insn.repeat != 0) {
          // Repeated not once, it keeps what there was.
          use.read(RAX);
        }
      }
      case 0xae, 0xaf -> use.read(RAX).string(RDI).setFlags();
      default -> {
        if (insn.opcode < 0xb8) {
          use.writeRm(1);
        } else {
          use.writeRm(insn.operandSize);
        }
      }
    }
  }

  /** C0..DF. */
  private static void high(UseBuilder use, Insn insn) {
    int size = use.size();
    switch (insn.opcode) {
      case 0xc0, 0xc1, 0xd0, 0xd1 -> shift(use, insn);
      case 0xd2, 0xd3 -> shift(use.read(RCX), insn);
      case 0xc2, 0xc3, 0xca, 0xcb -> use.stack().jump();
      case 0xc4, 0xc5 -> use.address().writeReg(insn.operandSize);
      case 0xc6, 0xc7 -> use.writeRm(size);
      case 0xc8 -> use.change(RSP, RBP);
      case 0xc9 -> {
        use.read(RBP).write(RSP).writeLow(RBP, insn.operandSize);
        if (!insn.is64()) {
          // A stack of 16 bits keeps the upper half.
          use.read(RSP);
        }
      }
      case 0xcc, 0xcd, 0xce -> use.stack().readFlags().setFlags().jumpFromHere();
      case 0xcf -> use.stack().setFlags().jump();
      case 0xd4, 0xd5 -> use.change(RAX).setFlags();
      case 0xd6 -> use.change(RAX).readFlags();
      case 0xd7 -> use.change(RAX).read(RBX);
      default -> throw new IllegalStateException("not known what uses " + insn);
    }
  }

  /** Rotations through the carry read it. */
  private static void shift(UseBuilder use, Insn insn) {
    use.changeRm(use.size()).setFlags();
    if (insn.extension == 2 || insn.extension == 3) {
      use.readFlags();
    }
  }

  /** E0..FF. */
  private static void last(UseBuilder use, Insn insn) {
    int size = use.size();
    switch (insn.opcode) {
      case 0xe0, 0xe1 -> use.change(RCX).readFlags().jumpFromHere();
      case 0xe2 -> use.change(RCX).jumpFromHere();
      case 0xe3 -> use.read(RCX).jumpFromHere();
      case 0xe4, 0xe5 -> use.writeLow(RAX, size);
      case 0xe6, 0xe7 -> use.read(RAX);
      case 0xec, 0xed -> use.read(RDX).writeLow(RAX, size);
      case 0xee, 0xef -> use.read(RAX, RDX);
      case 0xe8 -> use.stack().jumpFromHere();
      case 0xe9, 0xeb -> use.jumpFromHere();
      case 0xea -> use.jump();
      case 0xf1 -> use.stack().readFlags().setFlags().jumpFromHere();
      case 0xf4 -> {}
      case 0xf5 -> use.readFlags().setFlags();
      case 0xf6, 0xf7 -> group3(use, insn, size);
      case 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd -> use.setFlags();
      case 0xfe -> use.changeRm(1).setFlags();
      case 0xff -> group5(use, insn);
      default -> throw new IllegalStateException("not known what uses " + insn);
    }
  }

  private static void group3(UseBuilder use, Insn insn, int size) {
    switch (insn.extension) {
      case 0, 1 -> use.readRm(size).setFlags();
      case 2 -> use.changeRm(size);
      case 3 -> use.changeRm(size).setFlags();
      default -> {
        use.readRm(size).change(RAX).setFlags();
        if (size > 1) {
          use.writeLow(RDX, size);
        }
        if (size > 1 && insn.extension > 5) {
          use.read(RDX);
        }
      }
    }
  }

  private static void group5(UseBuilder use, Insn insn) {
    int size = insn.operandSize;
    switch (insn.extension) {
      case 0, 1 -> use.changeRm(size).setFlags();
      case 2 -> use.readRm(size).stack().jumpFromHere();
      case 3 -> use.address().stack().jumpFromHere();
      case 4 -> use.readRm(size).jump();
      case 5 -> use.address().jump();
      default -> use.readRm(size).stack();
    }
  }
}
