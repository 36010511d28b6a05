package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.RegisterUse.FPU;
import static dev.lockstep.softcpu.RegisterUse.XMM;
import static dev.lockstep.softcpu.UseBuilder.RAX;
import static dev.lockstep.softcpu.UseBuilder.RDI;

/** What the x87, MMX, SSE and SSE2 instructions read and write (Intel SDM vol. 2). */
final class FpUse {
  private static final int NONE = 0;
  private static final int P66 = 0x66;
  private static final int PF2 = 0xf2;
  private static final int PF3 = 0xf3;

  private FpUse() {}

  /** Adds what a defined instruction uses. */
  static void add(UseBuilder use, Insn insn) {
    int opcode = insn.opcode;
    use.address();
    if (opcode < 0x100) {
      x87(use, insn);
      return;
    }
    int kind = insn.repeat != 0 ? insn.repeat : insn.prefix66 ? P66 : NONE;
    boolean scalar = kind == PF2 || kind == PF3;
    if (opcode < 0x150) {
      moves(use, insn, scalar);
    } else if (opcode < 0x160) {
      floatingPoint(use, insn, scalar);
    } else if (opcode == 0x1ae) {
      state(use, insn);
    } else {
      integers(use, insn, kind);
    }
  }

  private static int reg(Insn insn) {
    return XMM + insn.reg;
  }

  private static int rm(Insn insn) {
    return XMM + insn.rm;
  }

  /** The source, if it is not memory. */
  private static UseBuilder source(UseBuilder use, Insn insn) {
    return insn.isRegister() ? use.read(rm(insn)) : use;
  }

  /** The destination of a store, if it is not memory. */
  private static UseBuilder destination(UseBuilder use, Insn insn) {
    return insn.isRegister() ? use.write(rm(insn)) : use;
  }

  /** D8..DF, and WAIT. */
  private static void x87(UseBuilder use, Insn insn) {
    int opcode = insn.opcode;
    boolean register = insn.isRegister();
    int op = insn.extension;
    boolean looks = opcode == 0x9b || !register && op == 7 && (opcode == 0xd9 || opcode == 0xdd);
    use.read(FPU);
    if (register && opcode == 0xdf && op == 4) {
      use.change(RAX);
    } else if (!looks) {
      use.write(FPU);
    }
    if (register && (opcode == 0xda || opcode == 0xdb) && op < 4) {
      use.readFlags();
    }
    if (register && (opcode == 0xdb || opcode == 0xdf) && (op == 5 || op == 6)) {
      use.setFlags();
    }
  }

  /** 0F 10..17 and 28..2F. */
  private static void moves(UseBuilder use, Insn insn, boolean scalar) {
    boolean register = insn.isRegister();
    switch (insn.opcode) {
      case 0x110 -> {
        source(use, insn).write(reg(insn));
        if (scalar && register) {
          use.read(reg(insn));
        }
      }
      case 0x111 -> {
        destination(use.read(reg(insn)), insn);
        if (scalar && register) {
          use.read(rm(insn));
        }
      }
      case 0x112, 0x114, 0x115, 0x116 -> source(use, insn).change(reg(insn));
      case 0x128 -> source(use, insn).write(reg(insn));
      case 0x129 -> destination(use.read(reg(insn)), insn);
      case 0x113, 0x117, 0x12b -> use.read(reg(insn));
      case 0x12a -> fromInteger(use, insn, scalar);
      case 0x12c, 0x12d -> {
        source(use, insn);
        if (scalar) {
          use.write(insn.reg);
        } else {
          use.change(FPU);
        }
      }
      case 0x12e, 0x12f -> source(use, insn).read(reg(insn)).setFlags();
      default -> throw new IllegalStateException("not known what uses " + insn);
    }
  }

  /** CVTPI2PS and its like: all but CVTPI2PD keep a part of the destination. */
  private static void fromInteger(UseBuilder use, Insn insn, boolean scalar) {
    use.write(reg(insn));
    if (!scalar) {
      use.change(FPU);
    } else if (insn.isRegister()) {
      use.read(insn.rm);
    }
    if (scalar || !insn.prefix66) {
      use.read(reg(insn));
    }
  }

  /** 0F 50..5F. */
  private static void floatingPoint(UseBuilder use, Insn insn, boolean scalar) {
    source(use, insn);
    switch (insn.opcode) {
      case 0x150 -> use.write(insn.reg);
      case 0x151, 0x152, 0x153, 0x15a -> {
        use.write(reg(insn));
        if (scalar) {
          use.read(reg(insn));
        }
      }
      case 0x15b -> use.write(reg(insn));
      default -> use.change(reg(insn));
    }
  }

  /** 0F AE. */
  private static void state(UseBuilder use, Insn insn) {
    if (insn.isRegister() || insn.extension > 1) {
      return;
    }
    boolean save = insn.extension == 0;
    for (int register = XMM; register < (insn.is64() ? XMM + 16 : XMM + 8); register++) {
      if (save) {
        use.read(register);
      } else {
        use.write(register);
      }
    }
    if (save) {
      use.read(FPU);
    } else {
      use.write(FPU);
    }
  }

  /** 0F 60..7F, C2, C4..C6, D0..FF. Without a prefix, the operands are MMX registers. */
  private static void integers(UseBuilder use, Insn insn, int kind) {
    boolean mmx = kind == NONE;
    boolean register = insn.isRegister();
    switch (insn.opcode) {
      case 0x16e -> {
        if (register) {
          use.read(insn.rm);
        }
        regWritten(use, insn, mmx, false);
      }
      case 0x17e -> {
        if (kind == PF3) {
          source(use, insn).write(reg(insn));
          return;
        }
        if (register) {
          use.write(insn.rm);
        }
        regRead(use, insn, mmx);
      }
      case 0x16f, 0x170, 0x1e6 -> regWritten(mmx ? use : source(use, insn), insn, mmx, false);
      case 0x17f -> {
        if (!mmx) {
          destination(use, insn);
        }
        regRead(use, insn, mmx);
      }
      case 0x171, 0x172, 0x173 -> use.change(mmx ? FPU : rm(insn));
      case 0x177 -> use.change(FPU);
      case 0x1c2, 0x1c6 -> source(use, insn).change(reg(insn));
      case 0x1c4 -> {
        if (register) {
          use.read(insn.rm);
        }
        regWritten(use, insn, mmx, true);
      }
      case 0x1c5, 0x1d7 -> {
        use.write(insn.reg);
        if (mmx) {
          use.change(FPU);
        } else {
          source(use, insn);
        }
      }
      case 0x1d6 -> moveQuads(use, insn, kind);
      case 0x1e7 -> regRead(use, insn, mmx);
      case 0x1f7 -> {
        use.read(RDI);
        regRead(mmx ? use : source(use, insn), insn, mmx);
      }
      default -> regWritten(mmx ? use : source(use, insn), insn, mmx, true);
    }
  }

  /** A destination in ModRM.reg. */
  private static void regWritten(UseBuilder use, Insn insn, boolean mmx, boolean kept) {
    if (mmx) {
      use.change(FPU);
    } else if (kept) {
      use.change(reg(insn));
    } else {
      use.write(reg(insn));
    }
  }

  /** A source in ModRM.reg. Whatever touches an MMX register changes the x87's tags. */
  private static void regRead(UseBuilder use, Insn insn, boolean mmx) {
    if (mmx) {
      use.change(FPU);
    } else {
      use.read(reg(insn));
    }
  }

  /** MOVQ, MOVQ2DQ, MOVDQ2Q. */
  private static void moveQuads(UseBuilder use, Insn insn, int kind) {
    switch (kind) {
      case P66 -> destination(use.read(reg(insn)), insn);
      case PF3 -> use.change(FPU).write(reg(insn));
      default -> source(use, insn).change(FPU);
    }
  }
}
