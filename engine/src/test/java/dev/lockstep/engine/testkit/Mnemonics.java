package dev.lockstep.engine.testkit;

import dev.lockstep.engine.testkit.Operand.Far;
import dev.lockstep.engine.testkit.Operand.Immediate;
import dev.lockstep.engine.testkit.Operand.Memory;
import dev.lockstep.engine.testkit.Operand.Register;
import dev.lockstep.engine.testkit.Operand.Special;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Encodes one instruction for the {@link Assembler} (Intel SDM vol. 2 appendix A for the opcodes). */
final class Mnemonics {
  static final Map<String, Integer> PREFIXES =
      Map.of(
          "rep", 0xf3, "repe", 0xf3, "repne", 0xf2, "lock", 0xf0, "o16", 0x66, "a32", 0x67, "cs",
          0x2e, "ss", 0x36, "fs", 0x64, "gs", 0x65);

  private static final List<String> ARITHMETIC =
      List.of("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp");
  private static final List<String> SHIFTS =
      List.of("rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar");
  private static final List<String> CONDITIONS =
      List.of(
          "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g");
  private static final Map<String, String> SYNONYMS =
      Map.of("c", "b", "nc", "ae", "z", "e", "nz", "ne");

  /** Instructions without operands; a leading W asks for REX.W, an O for the other operand size. */
  private static final Map<String, String> PLAIN = new TreeMap<>();

  /** One operand in ModRM.rm: opcode and extension. */
  private static final Map<String, String> GROUPS = new TreeMap<>();

  /** Register in ModRM.reg, register or memory in ModRM.rm. */
  private static final Map<String, String> LOADS = new TreeMap<>();

  /** Register or memory in ModRM.rm, register in ModRM.reg. */
  private static final Map<String, String> STORES = new TreeMap<>();

  static {
    String plain =
        "nop 90 hlt f4 cli fa sti fb cld fc std fd clc f8 stc f9 cmc f5 ret c3 retf cb int3 cc "
            + "into ce int1 f1 icebp f1 iret cf iretd cf iretq Wcf retfq Wcb pushf 9c popf 9d "
            + "pushfq 9c popfq 9d pushfd 9c popfd 9d pushfw O9c popfw O9d ud2 0f0b syscall 0f05 "
            + "sysret 0f07 sysretq W0f07 sysenter 0f34 sysexit 0f35 sysexitq W0f35 swapgs 0f01f8 "
            + "clts 0f06 invd 0f08 wbinvd 0f09 rdmsr 0f32 wrmsr 0f30 rdtsc 0f31 rdpmc 0f33 "
            + "cpuid 0fa2 leave c9 lahf 9f sahf 9e cbw O98 cwde 98 cdqe W98 cwd O99 cdq 99 "
            + "cqo W99 movsb a4 movsw Oa5 movsd a5 movsq Wa5 cmpsb a6 cmpsw Oa7 cmpsd a7 "
            + "cmpsq Wa7 stosb aa stosw Oab stosd ab stosq Wab lodsb ac lodsw Oad lodsd ad "
            + "lodsq Wad scasb ae scasw Oaf scasd af scasq Waf insb 6c insw O6d insd 6d "
            + "outsb 6e outsw O6f outsd 6f xlatb d7 fninit dbe3 fnclex dbe2 fwait 9b fld1 d9e8 "
            + "fldz d9ee emms 0f77 pusha 60 popa 61 daa 27 aaa 37 rsm 0faa";
    String[] words = plain.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      PLAIN.put(words[i], words[i + 1]);
    }
    String groups =
        "not f6/2 neg f6/3 mul f6/4 div f6/6 idiv f6/7 inc fe/0 dec fe/1 sldt 0f00/0 str 0f00/1 "
            + "lldt 0f00/2 ltr 0f00/3 verr 0f00/4 verw 0f00/5 sgdt 0f01/0 sidt 0f01/1 lgdt 0f01/2 "
            + "lidt 0f01/3 smsw 0f01/4 lmsw 0f01/6 invlpg 0f01/7 fxsave 0fae/0 fxrstor 0fae/1 "
            + "ldmxcsr 0fae/2 stmxcsr 0fae/3 cmpxchg8b 0fc7/1 fnstcw d9/7 fldcw d9/5 fnstsw dd/7 "
            + "fnsave dd/6 frstor dd/4 fld d9/0 fstp d9/3 clflush 0fae/7";
    words = groups.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      GROUPS.put(words[i], words[i + 1]);
    }
    String loads =
        "lea 8d lar 0f02 lsl 0f03 bsf 0fbc bsr 0fbd les c4 lds c5 lss 0fb2 lfs 0fb4 lgs 0fb5 "
            + "bound 62 movsxd 63";
    words = loads.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      LOADS.put(words[i], words[i + 1]);
    }
    String stores =
        "cmpxchg 0fb0 xadd 0fc0 bt 0fa3 bts 0fab btr 0fb3 btc 0fbb arpl 63 test 84 xchg 86";
    words = stores.split(" ");
    for (int i = 0; i < words.length; i += 2) {
      STORES.put(words[i], words[i + 1]);
    }
  }

  private final Assembler asm;

  Mnemonics(Assembler asm) {
    this.asm = asm;
  }

  void encode(String name, List<Operand> operands, String text) {
    Operand first = operands.isEmpty() ? null : operands.get(0);
    Operand second = operands.size() < 2 ? null : operands.get(1);
    if (first == null && PLAIN.containsKey(name)) {
      plain(PLAIN.get(name));
    } else if (ARITHMETIC.contains(name)) {
      arithmetic(ARITHMETIC.indexOf(name), first, second);
    } else if (SHIFTS.contains(name)) {
      shift(SHIFTS.indexOf(name), first, second);
    } else if (GROUPS.containsKey(name)) {
      group(GROUPS.get(name), first);
    } else if (LOADS.containsKey(name) && first instanceof Register r && second != null) {
      emit(LOADS.get(name), r.size(), false, r.number(), second);
    } else if (STORES.containsKey(name) && second instanceof Register r && first != null) {
      String opcode = STORES.get(name);
      boolean byteForm = "0fb0 0fc0 84 86".contains(opcode);
      emit(opcode, name.equals("arpl") ? 0 : r.size(), byteForm, r.number(), first);
    } else if (!jump(name, first, text) && !other(name, first, second)) {
      throw new IllegalArgumentException("no form of '" + name + "' has these operands");
    }
  }

  private void plain(String code) {
    char flag = code.charAt(0);
    String bytes = code;
    if (flag == 'W') {
      asm.write(0x48);
      bytes = code.substring(1);
    } else if (flag == 'O') {
      asm.write(0x66);
      bytes = code.substring(1);
    }
    hex(bytes);
  }

  private void hex(String bytes) {
    for (byte one : HexFormat.of().parseHex(bytes)) {
      asm.write(one & 0xff);
    }
  }

  private void arithmetic(int kind, @Nullable Operand to, @Nullable Operand from) {
    if (to instanceof Register r && from instanceof Memory) {
      emit(byteOpcode(kind << 3 | 2), r.size(), true, r.number(), from);
    } else if (from instanceof Register r && to != null) {
      emit(byteOpcode(kind << 3), r.size(), true, r.number(), to);
    } else if (from instanceof Immediate i && to != null) {
      int size = sizeOf(to, i);
      boolean small = size > 1 && fits(i, 1);
      emit(
          small ? "83" : size == 1 ? "80" : "81",
          size,
          false,
          kind,
          to,
          small ? 1 : Math.min(size, 4));
      asm.number(asm.value(i.expression()), small ? 1 : Math.min(size, 4));
    } else {
      throw new IllegalArgumentException("operands of arithmetic");
    }
  }

  private static String byteOpcode(int opcode) {
    return "%02x".formatted(opcode);
  }

  private void shift(int kind, @Nullable Operand to, @Nullable Operand by) {
    if (to == null) {
      throw new IllegalArgumentException("no operand");
    }
    if (by instanceof Immediate i) {
      emit("c0", sizeOf(to, i), true, kind, to, 1);
      asm.number(asm.value(i.expression()), 1);
    } else {
      emit("d2", sizeOf(to, null), true, kind, to);
    }
  }

  private void group(String code, @Nullable Operand operand) {
    if (operand == null) {
      throw new IllegalArgumentException("no operand");
    }
    String[] parts = code.split("/");
    boolean byteForm = parts[0].equals("f6") || parts[0].equals("fe");
    int size = 0;
    if (byteForm) {
      size = sizeOf(operand, null);
    } else if (operand instanceof Register r && "0f00/0 0f00/1 0f01/4".contains(code)) {
      size = r.size();
    }
    emit(parts[0], size, byteForm, Integer.parseInt(parts[1]), operand);
  }

  private boolean jump(String name, @Nullable Operand first, String text) {
    String condition = name.startsWith("j") ? name.substring(1) : "";
    condition = SYNONYMS.getOrDefault(condition, condition);
    if (CONDITIONS.contains(condition)) {
      int number = CONDITIONS.indexOf(condition);
      if (text.startsWith("short ")) {
        asm.write(0x70 | number);
        relative(text.substring(6), 1);
      } else {
        hex("0f");
        asm.write(0x80 | number);
        relative(text, wide());
      }
      return true;
    }
    int loop = List.of("loopne", "loope", "loop", "jrcxz").indexOf(name);
    if (loop >= 0) {
      asm.write(0xe0 | loop);
      relative(text, 1);
      return true;
    }
    boolean call = name.equals("call");
    if (!call && !name.equals("jmp") || first == null) {
      return false;
    }
    if (first instanceof Immediate) {
      boolean isShort = text.startsWith("short ");
      asm.write(call ? 0xe8 : isShort ? 0xeb : 0xe9);
      relative(isShort ? text.substring(6) : text, isShort ? 1 : wide());
    } else if (first instanceof Far far) {
      asm.write(call ? 0x9a : 0xea);
      asm.number(asm.value(far.offset()), wide());
      asm.number(asm.value(far.selector()), 2);
    } else if (text.startsWith("far ")) {
      int size = first instanceof Memory m && m.size() == 8 ? 8 : 0;
      emit("ff", size, false, call ? 3 : 5, first);
    } else {
      emit("ff", 0, false, call ? 2 : 4, first);
    }
    return true;
  }

  private int wide() {
    return asm.bits() == 16 ? 2 : 4;
  }

  private void relative(String target, int size) {
    long distance = asm.value(target) - (asm.here() + size);
    if (size == 1 && distance != (byte) distance && asm.isLastPass()) {
      throw new IllegalArgumentException(target + " is too far away for a short jump");
    }
    asm.number(distance, size);
  }

  private boolean other(String name, @Nullable Operand first, @Nullable Operand second) {
    if (first == null) {
      return false;
    }
    switch (name) {
      case "mov" -> move(first, second);
      case "push", "pop" -> stack(name.equals("push"), first);
      case "int" -> byteAfter(0xcd, first);
      case "ret" -> wordAfter(0xc2, first);
      case "retf" -> wordAfter(0xca, first);
      case "in" -> port(0xe4, first, second);
      case "out" -> port(0xe6, second, first);
      case "imul" -> {
        Register r = (Register) first;
        emit("0faf", r.size(), false, r.number(), second == null ? first : second);
      }
      case "movzx", "movsx" -> {
        Register r = (Register) first;
        int from = sizeOf(second == null ? first : second, null);
        int opcode = (name.equals("movzx") ? 0xb6 : 0xbe) | (from == 1 ? 0 : 1);
        Operand rm = second == null ? first : second;
        emit("0f" + byteOpcode(opcode), r.size(), false, r.number(), rm);
      }
      default -> {
        return conditional(name, first, second);
      }
    }
    return true;
  }

  private boolean conditional(String name, Operand first, @Nullable Operand second) {
    if (name.startsWith("set")) {
      String condition = SYNONYMS.getOrDefault(name.substring(3), name.substring(3));
      emit("0f" + byteOpcode(0x90 | CONDITIONS.indexOf(condition)), 1, false, 0, first);
      return true;
    }
    if (name.startsWith("cmov") && first instanceof Register r && second != null) {
      String condition = SYNONYMS.getOrDefault(name.substring(4), name.substring(4));
      String opcode = "0f" + byteOpcode(0x40 | CONDITIONS.indexOf(condition));
      emit(opcode, r.size(), false, r.number(), second);
      return true;
    }
    return false;
  }

  private void byteAfter(int opcode, Operand operand) {
    asm.write(opcode);
    asm.number(asm.value(((Immediate) operand).expression()), 1);
  }

  private void wordAfter(int opcode, Operand operand) {
    asm.write(opcode);
    asm.number(asm.value(((Immediate) operand).expression()), 2);
  }

  private void port(int opcode, @Nullable Operand accumulator, @Nullable Operand port) {
    int size = accumulator instanceof Register r ? r.size() : 1;
    operandSize(size);
    int byDx = port instanceof Immediate ? 0 : 8;
    asm.write(opcode | byDx | (size == 1 ? 0 : 1));
    if (port instanceof Immediate i) {
      asm.number(asm.value(i.expression()), 1);
    }
  }

  private void move(Operand to, @Nullable Operand from) {
    if (from == null) {
      throw new IllegalArgumentException("one operand");
    }
    if (to instanceof Special s) {
      special(s, from, true);
    } else if (from instanceof Special s) {
      special(s, to, false);
    } else if (to instanceof Register r && from instanceof Immediate i) {
      moveImmediate(r, i);
    } else if (from instanceof Immediate i) {
      int size = sizeOf(to, i);
      emit("c6", size, true, 0, to, Math.min(size, 4));
      asm.number(asm.value(i.expression()), Math.min(size, 4));
    } else if (to instanceof Register r && from instanceof Memory) {
      emit("8a", r.size(), true, r.number(), from);
    } else if (from instanceof Register r) {
      emit("88", r.size(), true, r.number(), to);
    } else {
      throw new IllegalArgumentException("operands of MOV");
    }
  }

  private void moveImmediate(Register r, Immediate i) {
    if (r.size() == 8 && (!asm.isConstant(i.expression()) || fits(i, 4))) {
      emit("c7", 8, false, 0, r);
      asm.number(asm.value(i.expression()), 4);
      return;
    }
    operandSize(r.size());
    int rex = (r.size() == 8 ? 8 : 0) | r.number() >> 3 | (needsRex(r) ? 0x40 : 0);
    if (rex != 0) {
      asm.write(0x40 | rex);
    }
    asm.write((r.size() == 1 ? 0xb0 : 0xb8) | r.number() & 7);
    asm.number(asm.value(i.expression()), r.size());
  }

  private void special(Special s, Operand other, boolean load) {
    if (s.kind() == 's') {
      // Selectors are 16 bits: no prefix, whatever register is named.
      emit(load ? "8e" : "8c", 0, false, s.number(), other);
      return;
    }
    String opcode = s.kind() == 'c' ? load ? "0f22" : "0f20" : load ? "0f23" : "0f21";
    emit(opcode, 0, false, s.number(), other);
  }

  private void stack(boolean push, Operand operand) {
    switch (operand) {
      case Register r -> {
        operandSize(r.size() == 8 ? 0 : r.size() == 4 && asm.bits() == 32 ? 0 : r.size());
        if (r.number() >= 8) {
          asm.write(0x41);
        }
        asm.write((push ? 0x50 : 0x58) | r.number() & 7);
      }
      case Immediate i -> {
        boolean small = fits(i, 1);
        asm.write(small ? 0x6a : 0x68);
        asm.number(asm.value(i.expression()), small ? 1 : wide());
      }
      case Special s -> {
        String[] codes = {"06", "0e", "16", "1e", "0fa0", "0fa8"};
        String code = codes[s.number()];
        // POP is the next opcode after PUSH.
        hex(push ? code : "%x".formatted(Integer.parseInt("1" + code, 16) + 1).substring(1));
      }
      case Memory m -> emit(push ? "ff" : "8f", m.size() == 2 ? 2 : 0, false, push ? 6 : 0, m);
      case Far f -> throw new IllegalArgumentException("far pointer");
    }
  }

  private boolean fits(Immediate i, int size) {
    if (!asm.isConstant(i.expression())) {
      return false;
    }
    long value = asm.value(i.expression());
    return size == 1 ? value == (byte) value : value == (int) value;
  }

  private static int sizeOf(Operand operand, @Nullable Immediate other) {
    int size =
        switch (operand) {
          case Register r -> r.size();
          case Memory m -> m.size();
          default -> 0;
        };
    if (size == 0 && other != null) {
      size = other.size();
    }
    if (size == 0) {
      throw new IllegalArgumentException("say byte, word, dword or qword");
    }
    return size;
  }

  private static boolean needsRex(Register r) {
    return r.size() == 1 && !r.high() && r.number() >= 4 && r.number() < 8;
  }

  private void operandSize(int size) {
    boolean other = asm.bits() == 16 ? size == 4 : size == 2;
    if (other) {
      asm.write(0x66);
    }
  }

  private void emit(String opcode, int size, boolean byteForm, int reg, Operand rm) {
    emit(opcode, size, byteForm, reg, rm, 0);
  }

  /**
   * Prefixes, opcode, ModRM, SIB, displacement.
   *
   * @param opcode in hexadecimal, with 0f in front where it has one
   * @param size operand size in bytes, 0 for the mode's own
   * @param byteForm whether bit 0 of the opcode tells bytes from the rest
   * @param immediate bytes that will follow
   */
  private void emit(String opcode, int size, boolean byteForm, int reg, Operand rm, int immediate) {
    operandSize(size);
    Memory m = rm instanceof Memory memory ? memory : null;
    if (m != null) {
      if (m.segment() >= 0) {
        asm.write(new int[] {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}[m.segment()]);
      }
      if (m.addressSize() != 0 && m.addressSize() * 8 != asm.bits()) {
        asm.write(0x67);
      }
    }
    int rex = size == 8 ? 8 : 0;
    rex |= reg >> 3 << 2;
    // SPL to DIL in ModRM.reg are not needed by any test.
    boolean force = false;
    if (m != null) {
      rex |= (m.index() > 7 ? 2 : 0) | (m.base() > 7 ? 1 : 0);
    } else if (rm instanceof Register r) {
      rex |= r.number() >> 3;
      force = needsRex(r);
    }
    if (rex != 0 || force) {
      asm.write(0x40 | rex);
    }
    String code = opcode;
    if (byteForm && size > 1) {
      int last = Integer.parseInt(opcode.substring(opcode.length() - 2), 16) | 1;
      code = opcode.substring(0, opcode.length() - 2) + byteOpcode(last);
    }
    hex(code);
    if (m != null) {
      memory(reg, m, immediate);
    } else if (rm instanceof Register r) {
      asm.write(0xc0 | (reg & 7) << 3 | r.number() & 7);
    } else {
      throw new IllegalArgumentException("no register or memory");
    }
  }

  private void memory(int reg, Memory m, int immediate) {
    int field = (reg & 7) << 3;
    boolean wide = asm.bits() == 64;
    if (m.relative()) {
      asm.write(field | 5);
      asm.number(asm.value(m.displacement()) - (asm.here() + 4 + immediate), 4);
      return;
    }
    if (m.base() < 0 && m.index() < 0) {
      asm.write(field | (wide ? 4 : 5));
      if (wide) {
        asm.write(0x25);
      }
      asm.number(asm.value(m.displacement()), 4);
      return;
    }
    boolean zero = asm.isConstant(m.displacement()) && asm.value(m.displacement()) == 0;
    boolean sib = m.index() >= 0 || m.base() < 0 || (m.base() & 7) == 4;
    int mod = m.base() < 0 || zero && (m.base() & 7) != 5 ? 0 : 0x80;
    asm.write(mod | field | (sib ? 4 : m.base() & 7));
    if (sib) {
      int index = m.index() < 0 ? 4 : m.index() & 7;
      int base = m.base() < 0 ? 5 : m.base() & 7;
      asm.write(Integer.numberOfTrailingZeros(m.scale()) << 6 | index << 3 | base);
    }
    if (mod != 0 || m.base() < 0) {
      asm.number(asm.value(m.displacement()), 4);
    }
  }
}
