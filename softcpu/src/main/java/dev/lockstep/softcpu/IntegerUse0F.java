package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.UseBuilder.R11;
import static dev.lockstep.softcpu.UseBuilder.RAX;
import static dev.lockstep.softcpu.UseBuilder.RBX;
import static dev.lockstep.softcpu.UseBuilder.RCX;
import static dev.lockstep.softcpu.UseBuilder.RDX;
import static dev.lockstep.softcpu.UseBuilder.RSP;

/** What the integer and system instructions of the two-byte opcode map read and write (Intel SDM vol. 2). */
final class IntegerUse0F {
  private IntegerUse0F() {}

  /** Adds what a defined instruction uses. */
  static void add(UseBuilder use, Insn insn) {
    int size = insn.operandSize;
    switch (insn.opcode >> 4) {
      case 0x14 -> use.readFlags().readRm(size).readReg(size).writeReg(size);
      case 0x18 -> use.readFlags().jumpFromHere();
      case 0x19 -> use.readFlags().writeRm(1);
      case 0x10, 0x12, 0x13 -> system(use, insn);
      case 0x11 -> {} // prefetches and NOPs
      default -> integer(use, insn);
    }
  }

  private static void integer(UseBuilder use, Insn insn) {
    int size = insn.operandSize;
    switch (insn.opcode) {
      case 0x1a0, 0x1a1, 0x1a8, 0x1a9 -> use.stack();
      case 0x1a2 -> use.read(RAX, RCX).write(RAX, RBX, RCX, RDX);
      case 0x1a3 -> use.readRm(size).readReg(size).setFlags();
      case 0x1ab, 0x1b3, 0x1bb -> use.changeRm(size).readReg(size).setFlags();
      case 0x1ba -> {
        use.readRm(size).setFlags();
        if (insn.extension > 4) {
          use.writeRm(size);
        }
      }
      case 0x1a4, 0x1ac -> use.changeRm(size).readReg(size).setFlags();
      case 0x1a5, 0x1ad -> use.changeRm(size).readReg(size).read(RCX).setFlags();
      case 0x1af -> use.readRm(size).readReg(size).writeReg(size).setFlags();
      case 0x1b0, 0x1b1 -> use.changeRm(use.size()).readReg(use.size()).change(RAX).setFlags();
      case 0x1b2, 0x1b4, 0x1b5 -> use.address().writeReg(size);
      case 0x1b6, 0x1be -> use.readRm(1).writeReg(size);
      case 0x1b7, 0x1bf -> use.readRm(2).writeReg(size);
      // Without a bit set the destination is kept.
      case 0x1bc, 0x1bd -> use.readRm(size).readReg(size).writeReg(size).setFlags();
      case 0x1c0, 0x1c1 ->
          use.changeRm(use.size()).readReg(use.size()).writeReg(use.size()).setFlags();
      case 0x1c3 -> use.readReg(size).address();
      case 0x1c7 -> use.change(RAX, RDX).read(RBX, RCX).address().setFlags();
      default -> {
        if (insn.opcode < 0x1c8 || insn.opcode > 0x1cf) {
          throw new IllegalStateException("not known what uses " + insn);
        }
        use.change(insn.rm);
      }
    }
  }

  private static void system(UseBuilder use, Insn insn) {
    int size = insn.operandSize;
    switch (insn.opcode) {
      case 0x100 -> {
        switch (insn.extension) {
          case 0, 1 -> use.writeRm(size);
          case 2, 3 -> use.readRm(2);
          default -> use.readRm(2).setFlags();
        }
      }
      case 0x101 -> group7(use, insn);
      // The destination is kept where the selector names nothing that can be seen.
      case 0x102, 0x103 -> use.readRm(2).readReg(size).writeReg(size).setFlags();
      case 0x105 -> use.readFlags().write(RCX, R11).setFlags().jumpFromHere();
      case 0x107 -> use.read(RCX, R11).setFlags().jump();
      case 0x106, 0x108, 0x109, 0x10d -> {}
      case 0x120, 0x121 -> use.write(insn.rm);
      case 0x122, 0x123 -> use.read(insn.rm);
      case 0x130 -> use.read(RAX, RCX, RDX);
      case 0x131 -> use.write(RAX, RDX);
      case 0x132, 0x133 -> use.read(RCX).write(RAX, RDX);
      case 0x134 -> use.write(RSP).setFlags().jump();
      case 0x135 -> use.read(RCX, RDX).write(RSP).jump();
      default -> throw new IllegalStateException("not known what uses " + insn);
    }
  }

  private static void group7(UseBuilder use, Insn insn) {
    switch (insn.extension) {
      case 4 -> use.writeRm(insn.operandSize);
      case 6 -> use.readRm(2);
      default -> use.address();
    }
  }
}
