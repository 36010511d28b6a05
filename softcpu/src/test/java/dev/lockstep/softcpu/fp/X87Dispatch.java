package dev.lockstep.softcpu.fp;

/** Decodes D8..DF as the CPU core does, for tests: executes on an {@link X87Unit} with 16 bytes of memory. */
final class X87Dispatch {
  /** CF PF AF ZF SF OF. */
  static final int ARITHMETIC_FLAGS = 0x8d5;

  final X87Unit unit = new X87Unit();
  final byte[] memory = new byte[16];

  /** RFLAGS' arithmetic flags, all set before each instruction. */
  int rflags;

  /** Whether (opcode, modrm) is a defined x87 instruction that this dispatcher knows; memory forms by mod = 0, rm = 7. */
  static boolean isKnown(int opcode, int modrm) {
    int reg = modrm >>> 3 & 7;
    if (modrm < 0xc0) {
      return (modrm & 0xc7) == 7
          && switch (opcode) {
            case 0xd9 -> reg != 1 && reg != 4 && reg != 6;
            case 0xdb -> reg != 1 && reg != 4 && reg != 6;
            case 0xdd -> reg != 1 && reg < 4;
            case 0xdf -> reg != 1;
            default -> true;
          };
    }
    return switch (opcode) {
      case 0xd9 -> reg < 2 || modrm == 0xd0 || isD9Function(modrm);
      case 0xda -> reg < 4 || modrm == 0xe9;
      case 0xdb -> reg < 4 || modrm == 0xe2 || modrm == 0xe3 || reg == 5 || reg == 6;
      case 0xdc -> reg < 2 || reg > 3;
      case 0xdd -> reg == 0 || reg == 2 || reg == 3 || reg == 4 || reg == 5;
      case 0xde -> reg < 2 || reg > 3 || modrm == 0xd9;
      case 0xdf -> reg == 5 || reg == 6;
      default -> true;
    };
  }

  private static boolean isD9Function(int modrm) {
    return modrm >= 0xe0
        && modrm != 0xe2
        && modrm != 0xe3
        && modrm != 0xe6
        && modrm != 0xe7
        && modrm != 0xef;
  }

  void execute(int opcode, int modrm) {
    rflags = ARITHMETIC_FLAGS;
    int reg = modrm >>> 3 & 7;
    int i = modrm & 7;
    if (modrm < 0xc0) {
      memoryForm(opcode, reg);
    } else {
      registerForm(opcode, modrm, reg, i);
    }
  }

  private void memoryForm(int opcode, int reg) {
    switch (opcode) {
      case 0xd8 -> arithmeticF32(reg);
      case 0xd9 -> d9(reg);
      case 0xda -> arithmeticInteger(reg, Bytes.get32(memory, 0));
      case 0xdb -> db(reg);
      case 0xdc -> arithmeticF64(reg);
      case 0xdd -> dd(reg);
      case 0xde -> arithmeticInteger(reg, (short) Bytes.get16(memory, 0));
      default -> df(reg);
    }
  }

  private void arithmeticF32(int reg) {
    int bits = Bytes.get32(memory, 0);
    switch (reg) {
      case 2 -> unit.compares.fcomF32(bits);
      case 3 -> unit.compares.fcompF32(bits);
      default -> unit.arithmetic.withF32(reg, bits);
    }
  }

  private void arithmeticF64(int reg) {
    long bits = Bytes.get64(memory, 0);
    switch (reg) {
      case 2 -> unit.compares.fcomF64(bits);
      case 3 -> unit.compares.fcompF64(bits);
      default -> unit.arithmetic.withF64(reg, bits);
    }
  }

  private void arithmeticInteger(int reg, int value) {
    switch (reg) {
      case 2 -> unit.compares.ficom(value);
      case 3 -> unit.compares.ficomp(value);
      default -> unit.arithmetic.withInteger(reg, value);
    }
  }

  private void d9(int reg) {
    switch (reg) {
      case 0 -> unit.moves.fldF32(Bytes.get32(memory, 0));
      case 2, 3 -> store(unit.stores.prepareF32(), 4, reg == 3);
      case 5 -> unit.state.setControl(Bytes.get16(memory, 0));
      case 7 -> Bytes.put16(memory, 0, unit.state.control);
      default -> throw new IllegalArgumentException("D9 /" + reg);
    }
  }

  private void db(int reg) {
    switch (reg) {
      case 0 -> unit.moves.fild(Bytes.get32(memory, 0));
      case 2, 3 -> store(unit.stores.prepareI32(), 4, reg == 3);
      case 5 -> unit.moves.fldF80(Bytes.get16(memory, 8), Bytes.get64(memory, 0));
      case 7 -> store(unit.stores.prepareF80(), 10, true);
      default -> throw new IllegalArgumentException("DB /" + reg);
    }
  }

  private void dd(int reg) {
    switch (reg) {
      case 0 -> unit.moves.fldF64(Bytes.get64(memory, 0));
      case 2, 3 -> store(unit.stores.prepareF64(), 8, reg == 3);
      default -> throw new IllegalArgumentException("DD /" + reg);
    }
  }

  private void df(int reg) {
    switch (reg) {
      case 0 -> unit.moves.fild((short) Bytes.get16(memory, 0));
      case 2, 3 -> store(unit.stores.prepareI16(), 2, reg == 3);
      case 4 -> unit.moves.fbld(Bytes.get64(memory, 0), Bytes.get16(memory, 8));
      case 5 -> unit.moves.fild(Bytes.get64(memory, 0));
      case 6 -> store(unit.stores.prepareBcd(), 10, true);
      case 7 -> store(unit.stores.prepareI64(), 8, true);
      default -> throw new IllegalArgumentException("DF /" + reg);
    }
  }

  private void store(boolean allowed, int bytes, boolean pop) {
    if (!allowed) {
      return;
    }
    for (int i = 0; i < bytes; i++) {
      long from = i < 8 ? unit.stores.low >>> 8 * i : unit.stores.high >>> 8 * (i - 8);
      memory[i] = (byte) from;
    }
    if (pop) {
      unit.stores.commitPop();
    } else {
      unit.stores.commit();
    }
  }

  private void registerForm(int opcode, int modrm, int reg, int i) {
    switch (opcode) {
      case 0xd8 -> {
        switch (reg) {
          case 2 -> unit.compares.fcom(i);
          case 3 -> unit.compares.fcomp(i);
          default -> unit.arithmetic.withRegister(reg, i);
        }
      }
      case 0xd9 -> d9Register(modrm, i);
      case 0xda -> {
        if (modrm == 0xe9) {
          unit.compares.fucompp();
        } else {
          fcmov(reg, true, i);
        }
      }
      case 0xdb -> dbRegister(modrm, reg, i);
      case 0xdc -> unit.arithmetic.toRegister(reg, i);
      case 0xdd -> ddRegister(reg, i);
      case 0xde -> {
        if (modrm == 0xd9) {
          unit.compares.fcompp();
        } else {
          unit.arithmetic.toRegisterPop(reg, i);
        }
      }
      default -> setFlags(reg == 5 ? unit.compares.fucomip(i) : unit.compares.fcomip(i));
    }
  }

  /** All of CF ZF PF are set, so the positive conditions hold. */
  private void fcmov(int reg, boolean condition, int i) {
    if (reg > 3) {
      throw new IllegalArgumentException("FCMOV " + reg);
    }
    if (condition) {
      unit.moves.fcmov(i);
    } else {
      unit.moves.fcmovFalse(i);
    }
  }

  private void dbRegister(int modrm, int reg, int i) {
    switch (reg) {
      case 4 -> {
        if (modrm == 0xe2) {
          unit.state.clearExceptions();
        } else {
          unit.state.init();
        }
      }
      case 5 -> setFlags(unit.compares.fucomi(i));
      case 6 -> setFlags(unit.compares.fcomi(i));
      default -> fcmov(reg, false, i);
    }
  }

  private void ddRegister(int reg, int i) {
    switch (reg) {
      case 0 -> unit.state.free(i);
      case 2 -> unit.moves.fstRegister(i);
      case 3 -> unit.moves.fstpRegister(i);
      case 4 -> unit.compares.fucom(i);
      default -> unit.compares.fucomp(i);
    }
  }

  private void d9Register(int modrm, int i) {
    switch (modrm) {
      case 0xd0 -> {}
      case 0xe0 -> unit.functions.fchs();
      case 0xe1 -> unit.functions.fabs();
      case 0xe4 -> unit.compares.ftst();
      case 0xe5 -> unit.compares.fxam();
      case 0xf0 -> unit.transcendentals.f2xm1();
      case 0xf1 -> unit.transcendentals.fyl2x();
      case 0xf2 -> unit.transcendentals.fptan();
      case 0xf3 -> unit.transcendentals.fpatan();
      case 0xf4 -> unit.functions.fxtract();
      case 0xf5 -> unit.functions.fprem1();
      case 0xf6 -> unit.state.decrementTop();
      case 0xf7 -> unit.state.incrementTop();
      case 0xf8 -> unit.functions.fprem();
      case 0xf9 -> unit.transcendentals.fyl2xp1();
      case 0xfa -> unit.functions.fsqrt();
      case 0xfb -> unit.transcendentals.fsincos();
      case 0xfc -> unit.functions.frndint();
      case 0xfd -> unit.functions.fscale();
      case 0xfe -> unit.transcendentals.fsin();
      case 0xff -> unit.transcendentals.fcos();
      default -> d9Common(modrm, i);
    }
  }

  private void d9Common(int modrm, int i) {
    if (modrm < 0xc8) {
      unit.moves.fldRegister(i);
    } else if (modrm < 0xd0) {
      unit.moves.fxch(i);
    } else {
      unit.moves.fldConstant(modrm - 0xe8);
    }
  }

  private void setFlags(int flags) {
    if (flags != X87Compares.UNCHANGED) {
      rflags = flags;
    }
  }
}
