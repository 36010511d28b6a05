package dev.lockstep.softcpu.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One form of an integer instruction: opcode, operand size, register or memory, prefixes.
 *
 * @param name mnemonic and operands
 * @param mode as {@link HostCase} has it
 * @param opcode as in {@code Insn}: 0x100 and up after 0F
 * @param extension ModRM.reg, -1 for a register operand there, -2 for no ModRM
 * @param memory whether ModRM names memory
 * @param immediate bytes of the immediate as in the tables of {@link #all}
 * @param size operand size: 1, 2, 4 or 8
 * @param repeat 0, 0xf2 or 0xf3
 */
record IntegerForm(
    String name,
    int mode,
    int opcode,
    int extension,
    boolean memory,
    String immediate,
    int size,
    int repeat,
    boolean lock,
    boolean default64) {

  static final int CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800;

  /**
   * Name, opcode, ModRM ({@code r}: a register and a place, a digit: group, {@code -}: none), immediate ({@code ib iw iz iv is mo} or {@code -}), flags: {@code b} bytes, {@code v} words to
   * quadwords, {@code l} lockable, {@code m} memory only, {@code g} registers only, {@code 3} not in 64-bit mode, {@code 6} in 64-bit mode only, {@code d} 64 bits by default, {@code s} string, {@code c}
   * comparing string, {@code o} opcodes of 8 registers, {@code 4} no 16-bit form.
   */
  private static final String TABLE =
      """
      alu-rm-r8 00 r - bl*
      alu-rm-r 01 r - vl*
      alu-r8-rm 02 r - b*
      alu-r-rm 03 r - v*
      alu-al-i 04 - ib b*
      alu-a-i 05 - iz v*
      inc 40 - - v3o
      dec 48 - - v3o
      push 50 - - vdo
      pop 58 - - vdo
      pusha 60 - - v3
      popa 61 - - v3
      bound 62 r - v3m
      movsxd 63 r - v6
      push-i 68 - iz vd
      imul-i 69 r iz v
      push-ib 6a - ib vd
      imul-ib 6b r ib v
      jcc 70 - ib dj
      grp1-8 80 g ib bl
      grp1 81 g iz vl
      grp1-82 82 g ib b3l
      grp1-83 83 g ib vl
      test8 84 r - b
      test 85 r - v
      xchg8 86 r - bl
      xchg 87 r - vl
      mov-rm8 88 r - b
      mov-rm 89 r - v
      mov-r8 8a r - b
      mov-r 8b r - v
      lea 8d r - vm
      pop-rm 8f 0 - vd
      xchg-a 90 - - vo
      cbw 98 - - v
      cwd 99 - - v
      sahf 9e - - b
      lahf 9f - - b
      mov-al-mo a0 - mo b
      mov-a-mo a1 - mo v
      mov-mo-al a2 - mo b
      mov-mo-a a3 - mo v
      movs8 a4 - - bs
      movs a5 - - vs
      cmps8 a6 - - bc
      cmps a7 - - vc
      test-al-i a8 - ib b
      test-a-i a9 - iz v
      stos8 aa - - bs
      stos ab - - vs
      lods8 ac - - bs
      lods ad - - vs
      scas8 ae - - bc
      scas af - - vc
      mov-r8-i b0 - ib bo
      mov-r-i b8 - iv vo
      grp2-8-i c0 g ib b
      grp2-i c1 g ib v
      ret-i c2 - iw dn
      ret c3 - - dn
      mov-rm8-i c6 0 ib b
      mov-rm-i c7 0 iz v
      enter c8 - is vd
      leave c9 - - vd
      grp2-8-1 d0 g - b
      grp2-1 d1 g - v
      grp2-8-cl d2 g - b
      grp2-cl d3 g - v
      aam d4 - ib b3
      aad d5 - ib b3
      salc d6 - - b3
      xlat d7 - - b
      daa 27 - - b3
      das 2f - - b3
      aaa 37 - - b3
      aas 3f - - b3
      loopne e0 - ib dj
      loope e1 - ib dj
      loop e2 - ib dj
      jcxz e3 - ib dj
      call e8 - iz dn
      jmp e9 - iz dn
      jmp8 eb - ib dn
      cmc f5 - - b
      test-rm8-i f6 0 ib b
      test-rm-i f7 0 iz v
      not8 f6 2 - bl
      not f7 2 - vl
      neg8 f6 3 - bl
      neg f7 3 - vl
      mul8 f6 4 - b
      mul f7 4 - v
      imul8 f6 5 - b
      imul f7 5 - v
      div8 f6 6 - b
      div f7 6 - v
      idiv8 f6 7 - b
      idiv f7 7 - v
      clc f8 - - b
      stc f9 - - b
      cld fc - - b
      std fd - - b
      inc8 fe 0 - bl
      dec8 fe 1 - bl
      inc-rm ff 0 - vl
      dec-rm ff 1 - vl
      call-rm ff 2 - dn
      jmp-rm ff 4 - dn
      push-rm ff 6 - vd
      nop-rm 11f r - v
      prefetch 118 r - vm
      cmov 140 r - v+
      jcc-z 180 - iz dn+
      setcc 190 r - b+
      bt 1a3 r - v
      shld-i 1a4 r ib v
      shld-cl 1a5 r - v
      bts 1ab r - vl
      shrd-i 1ac r ib v
      shrd-cl 1ad r - v
      imul-r 1af r - v
      cmpxchg8 1b0 r - bl
      cmpxchg 1b1 r - vl
      btr 1b3 r - vl
      movzx8 1b6 r - v
      movzx16 1b7 r - v
      bt-i 1ba 4 ib v
      bts-i 1ba 5 ib vl
      btr-i 1ba 6 ib vl
      btc-i 1ba 7 ib vl
      btc 1bb r - vl
      bsf 1bc r - v
      bsr 1bd r - v
      movsx8 1be r - v
      movsx16 1bf r - v
      xadd8 1c0 r - bl
      xadd 1c1 r - vl
      movnti 1c3 r - vm4
      cmpxchg8b 1c7 1 - vml4
      bswap 1c8 - - vo
      ud2 10b - - b
      """;

  private static final String[] ALU = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
  private static final int CMP = 7;

  /** Every form. */
  static List<IntegerForm> all() {
    List<IntegerForm> forms = new ArrayList<>();
    for (String line : TABLE.lines().toList()) {
      String[] word = line.split(" ");
      int opcode = Integer.parseInt(word[1], 16);
      String flags = word[4];
      if (flags.endsWith("*")) {
        for (int kind = 0; kind < ALU.length; kind++) {
          String own = kind == CMP ? flags.replace("l", "") : flags;
          add(forms, word[0].replace("alu", ALU[kind]), opcode + 8 * kind, "r-", word, own);
        }
      } else if (flags.endsWith("+") || word[0].equals("jcc")) {
        for (int cc = 0; cc < 16; cc++) {
          add(forms, word[0] + "-" + cc, opcode + cc, "r-", word, flags);
        }
      } else if (word[2].equals("g")) {
        for (int kind = 0; kind < 8; kind++) {
          boolean compare = word[0].startsWith("grp1") && kind == CMP;
          String own = compare ? flags.replace("l", "") : flags;
          add(forms, word[0] + "/" + kind, opcode, "" + kind, word, own);
        }
      } else {
        add(forms, word[0], opcode, word[2], word, flags);
      }
    }
    return forms;
  }

  private static void add(
      List<IntegerForm> forms, String name, int opcode, String group, String[] word, String flags) {
    int extension =
        word[2].equals("-") ? -2 : Character.isDigit(group.charAt(0)) ? group.charAt(0) - '0' : -1;
    for (int mode : new int[] {64, 32, 33, 16}) {
      if (flags.contains("3") && mode == 64 || flags.contains("6") && mode != 64) {
        continue;
      }
      for (int size : sizes(flags, mode)) {
        int[] repeats =
            flags.contains("s") || flags.contains("c") ? new int[] {0, 0xf2, 0xf3} : new int[] {0};
        for (int repeat : repeats) {
          for (int variant = 0; variant < 3; variant++) {
            boolean memory = variant > 0;
            boolean lock = variant == 2;
            boolean wanted =
                extension == -2
                    ? variant == 0
                    : !(lock && !flags.contains("l"))
                        && !(memory && flags.contains("g"))
                        && !(!memory && flags.contains("m"));
            if (wanted) {
              forms.add(
                  new IntegerForm(
                      name,
                      mode,
                      opcode,
                      extension,
                      memory,
                      word[3],
                      size,
                      repeat,
                      lock,
                      flags.contains("d")));
            }
          }
        }
      }
    }
  }

  private static int[] sizes(String flags, int mode) {
    if (flags.contains("b")) {
      return new int[] {1};
    }
    boolean near = flags.contains("j") || flags.contains("n");
    int widest = mode == 64 ? 8 : 4;
    if (near) {
      return mode == 64 ? new int[] {8} : new int[] {2, 4};
    }
    if (flags.contains("d")) {
      return new int[] {2, widest};
    }
    if (flags.contains("4")) {
      return mode == 64 && !flags.contains("l") ? new int[] {4, 8} : new int[] {4};
    }
    return mode == 64 ? new int[] {2, 4, 8} : new int[] {2, 4};
  }

  boolean isString() {
    return opcode >= 0xa4 && opcode <= 0xa7 || opcode >= 0xaa && opcode <= 0xaf;
  }

  /** BTx with a bit offset in a register. */
  boolean isBitString() {
    return opcode == 0x1a3 || opcode == 0x1ab || opcode == 0x1b3 || opcode == 0x1bb;
  }

  boolean isDivision() {
    return (opcode == 0xf6 || opcode == 0xf7) && extension >= 6;
  }

  /** A near branch whose target comes from a register or from memory. */
  boolean isIndirectBranch() {
    return opcode == 0xff && (extension == 2 || extension == 4) || opcode == 0xc2 || opcode == 0xc3;
  }

  /**
   * The arithmetic flags that the manual leaves undefined (Intel SDM vol. 2, each instruction's "Flags Affected").
   *
   * @param count of a shift, after masking
   */
  int undefined(int count) {
    if (isDivision()) {
      return CF | PF | AF | ZF | SF | OF;
    }
    String mnemonic = name.toLowerCase(Locale.ROOT);
    if (opcode == 0xc0 || opcode == 0xc1 || opcode >= 0xd0 && opcode <= 0xd3) {
      boolean rotate = extension < 4;
      int beyond = !rotate && count >= 8 * size ? CF : 0;
      return (count == 1 ? 0 : OF) | (rotate ? 0 : AF) | beyond;
    }
    if (mnemonic.startsWith("shld") || mnemonic.startsWith("shrd")) {
      return count > 8 * size ? CF | PF | AF | ZF | SF | OF : AF | (count == 1 ? 0 : OF);
    }
    if (mnemonic.startsWith("mul") || mnemonic.startsWith("imul")) {
      return SF | ZF | AF | PF;
    }
    if (isBitString() || opcode == 0x1ba) {
      return OF | SF | AF | PF;
    }
    return switch (opcode) {
      case 0x1bc, 0x1bd -> CF | OF | SF | AF | PF;
      case 0x27, 0x2f -> OF;
      case 0x37, 0x3f -> OF | SF | ZF | PF;
      case 0xd4, 0xd5 -> OF | AF | CF;
      default -> isLogic() ? AF : 0;
    };
  }

  private boolean isLogic() {
    boolean group1 = opcode >= 0x80 && opcode <= 0x83;
    int kind = opcode < 0x40 ? opcode >> 3 : group1 ? extension : -1;
    return kind == 1
        || kind == 4
        || kind == 6
        || opcode == 0x84
        || opcode == 0x85
        || opcode == 0xa8
        || opcode == 0xa9
        || (opcode == 0xf6 || opcode == 0xf7) && extension == 0;
  }

  @Override
  public String toString() {
    return "%s size %d%s%s%s mode %d"
        .formatted(
            name,
            size,
            memory ? " memory" : "",
            lock ? " lock" : "",
            repeat == 0 ? "" : " rep " + Integer.toHexString(repeat),
            mode);
  }
}
