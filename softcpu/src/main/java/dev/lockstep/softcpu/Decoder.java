package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;

/**
 * From bytes to {@link Insn}: prefixes, opcode, ModRM, SIB, displacement, immediates (Intel SDM vol. 2A chapter 2). Reads from a window of code bytes, and says when the window was too short.
 */
final class Decoder {
  /** The longest instruction. */
  static final int MAX_LENGTH = 15;

  private byte[] window = new byte[MAX_LENGTH];
  private int available;
  private int at;
  private boolean tooLong;
  private boolean ranOut;

  /** The last instruction wanted more bytes than the window had. */
  boolean ranOut() {
    return ranOut;
  }

  /** The last instruction was longer than {@link #MAX_LENGTH} bytes: #GP(0). */
  boolean tooLong() {
    return tooLong;
  }

  /**
   * Decodes one instruction.
   *
   * @param code the bytes, at least {@code available} of them
   * @param available how many there are; less than {@link #MAX_LENGTH} only where the page ends
   * @return the fields; garbage after {@link #ranOut} or {@link #tooLong}
   */
  Insn decode(int mode, long rip, byte[] code, int available) {
    this.window = code;
    this.available = available;
    this.at = 0;
    this.tooLong = false;
    this.ranOut = false;
    Insn insn = new Insn(mode, rip);
    int opcode = prefixes(insn);
    if (opcode == 0x0f) {
      opcode = 0x100 | next();
      if (opcode == 0x138 || opcode == 0x13a) {
        // The three-byte maps begin with SSSE3, which is not announced.
        insn.opcode = opcode;
        finish(insn);
        return insn;
      }
    }
    insn.opcode = opcode;
    int flags = OpcodeTable.flags(opcode);
    sizes(insn, flags);
    int displacementBase = -1;
    int index = Cpu.ZERO;
    int scale = 0;
    long displacement = 0;
    boolean ripRelative = false;
    int segment = CpuState.DS;
    boolean memory = false;
    if ((flags & OpcodeTable.MODRM) != 0) {
      int modrm = next();
      insn.modrm = (flags & OpcodeTable.REGISTERS) != 0 ? modrm | 0xc0 : modrm;
      insn.extension = modrm >> 3 & 7;
      insn.reg = insn.extension | (insn.rex & 4) << 1;
      insn.rm = modrm & 7 | (insn.rex & 1) << 3;
      if (insn.modrm < 0xc0) {
        memory = true;
        int mod = modrm >> 6;
        if (insn.addressSize == 2) {
          int rm = modrm & 7;
          displacementBase = BASE16[rm];
          index = INDEX16[rm];
          segment = rm == 2 || rm == 3 || rm == 6 && mod != 0 ? CpuState.SS : CpuState.DS;
          if (mod == 0 && rm == 6) {
            displacementBase = Cpu.ZERO;
            displacement = number(2);
          } else if (mod != 0) {
            displacement = number(mod);
          }
        } else {
          int rm = modrm & 7;
          int base = insn.rm;
          if (rm == 4) {
            int sib = next();
            base = sib & 7 | (insn.rex & 1) << 3;
            int x = sib >> 3 & 7 | (insn.rex & 2) << 2;
            index = x == 4 ? Cpu.ZERO : x;
            scale = index == Cpu.ZERO ? 0 : sib >> 6;
            rm = sib & 7;
            if (rm == 5 && mod == 0) {
              base = Cpu.ZERO;
              displacement = number(4);
            }
          } else if (rm == 5 && mod == 0) {
            base = Cpu.ZERO;
            displacement = number(4);
            ripRelative = insn.is64();
          }
          if (mod != 0) {
            displacement = number(mod == 1 ? 1 : 4);
          }
          segment = base == 4 || base == 5 ? CpuState.SS : CpuState.DS;
          displacementBase = base;
        }
      }
    } else {
      insn.rm = opcode & 7 | (insn.rex & 1) << 3;
    }
    immediates(insn, flags);
    finish(insn);
    if (memory) {
      if (ripRelative) {
        displacement += insn.nextRip;
      }
      if (insn.segmentOverride >= 0) {
        segment = insn.segmentOverride;
      }
      insn.ea =
          new Ea(
              insn.mode, insn.addressSize, segment, displacementBase, index, scale, displacement);
    }
    return insn;
  }

  /** 16-bit addressing: bases and indices by ModRM.rm (Intel SDM vol. 2A table 2-1). */
  private static final int[] BASE16 = {3, 3, 5, 5, 6, 7, 5, 3};

  private static final int[] INDEX16 = {6, 7, 6, 7, Cpu.ZERO, Cpu.ZERO, Cpu.ZERO, Cpu.ZERO};

  /** Reads prefixes and gives the byte after them. A REX prefix counts only right before the opcode. */
  private int prefixes(Insn insn) {
    boolean address67 = false;
    int opcode;
    while (true) {
      opcode = next();
      switch (opcode) {
        case 0x66 -> insn.prefix66 = true;
        case 0x67 -> address67 = true;
        case 0xf0 -> insn.lock = true;
        case 0xf2, 0xf3 -> insn.repeat = opcode;
        case 0x26 -> segment(insn, CpuState.ES);
        case 0x2e -> segment(insn, CpuState.CS);
        case 0x36 -> segment(insn, CpuState.SS);
        case 0x3e -> segment(insn, CpuState.DS);
        case 0x64 -> insn.segmentOverride = CpuState.FS;
        case 0x65 -> insn.segmentOverride = CpuState.GS;
        default -> {
          if (insn.is64() && (opcode & 0xf0) == 0x40) {
            insn.rex = opcode;
            continue;
          }
          insn.addressSize = addressSize(insn.mode, address67);
          return opcode;
        }
      }
      insn.rex = 0;
      if (tooLong || ranOut) {
        insn.addressSize = 4;
        return 0x90;
      }
    }
  }

  private static void segment(Insn insn, int segment) {
    if (!insn.is64()) {
      insn.segmentOverride = segment;
    }
  }

  private static int addressSize(int mode, boolean prefix67) {
    return switch (mode) {
      case CodeMode.LONG64 -> prefix67 ? 4 : 8;
      case CodeMode.COMPAT32, CodeMode.PROT32 -> prefix67 ? 2 : 4;
      default -> prefix67 ? 4 : 2;
    };
  }

  private static void sizes(Insn insn, int flags) {
    switch (insn.mode) {
      case CodeMode.LONG64 -> {
        boolean wide = (insn.rex & 8) != 0;
        if ((flags & OpcodeTable.FORCE64) != 0) {
          insn.operandSize = 8;
        } else if ((flags & OpcodeTable.DEFAULT64) != 0) {
          insn.operandSize = insn.prefix66 && !wide ? 2 : 8;
        } else {
          insn.operandSize = wide ? 8 : insn.prefix66 ? 2 : 4;
        }
      }
      case CodeMode.COMPAT32, CodeMode.PROT32 -> insn.operandSize = insn.prefix66 ? 2 : 4;
      default -> insn.operandSize = insn.prefix66 ? 4 : 2;
    }
  }

  private void immediates(Insn insn, int flags) {
    if ((flags & OpcodeTable.IMM16) != 0) {
      insn.immediate = number(2) & 0xffff;
      insn.immediateSize = 2;
      if ((flags & OpcodeTable.IMM8) != 0) {
        insn.immediate2 = next();
      }
    } else if ((flags & OpcodeTable.IMM8) != 0) {
      immediate(insn, 1);
    } else if ((flags & OpcodeTable.IMMZ) != 0) {
      immediate(insn, insn.operandSize == 2 ? 2 : 4);
    } else if ((flags & OpcodeTable.IMMV) != 0) {
      immediate(insn, insn.operandSize);
    } else if ((flags & OpcodeTable.FAR) != 0) {
      immediate(insn, insn.operandSize);
      insn.immediate &= insn.operandMask();
      insn.immediate2 = (int) number(2) & 0xffff;
    } else if ((flags & OpcodeTable.GROUP3) != 0 && insn.extension < 2) {
      boolean byteForm = (insn.opcode & 1) == 0;
      immediate(insn, byteForm ? 1 : insn.operandSize == 2 ? 2 : 4);
    } else if ((flags & OpcodeTable.MOFFS) != 0) {
      long mask = insn.addressSize == 8 ? -1L : (1L << 8 * insn.addressSize) - 1;
      long address = number(insn.addressSize) & mask;
      int segment = insn.segmentOverride >= 0 ? insn.segmentOverride : CpuState.DS;
      insn.ea = new Ea(insn.mode, insn.addressSize, segment, Cpu.ZERO, Cpu.ZERO, 0, address);
    }
  }

  private void immediate(Insn insn, int bytes) {
    insn.immediate = number(bytes);
    insn.immediateSize = bytes;
  }

  private void finish(Insn insn) {
    insn.length = at;
    System.arraycopy(window, 0, insn.bytes, 0, Math.min(at, MAX_LENGTH));
    long nextRip = insn.rip + at;
    insn.nextRip = insn.is64() ? nextRip : nextRip & 0xffff_ffffL;
  }

  /** A little-endian number of 1, 2, 4 or 8 bytes, sign-extended. */
  private long number(int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) next() << 8 * i;
    }
    int unused = 64 - 8 * bytes;
    return value << unused >> unused;
  }

  private int next() {
    if (at == MAX_LENGTH) {
      tooLong = true;
      return 0;
    }
    if (at >= available) {
      ranOut = true;
      return 0;
    }
    return window[at++] & 0xff;
  }
}
