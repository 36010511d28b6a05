package dev.lockstep.vmm.machine;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Just enough of a 64-bit assembler for tiny guests (encodings: Intel SDM vol. 2). */
final class Assembly {
  static final int RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;
  static final int ZERO = 4, NOT_ZERO = 5, BELOW = 2;

  private record Fixup(int at, String label) {}

  private final long origin;
  private final ByteArrayOutputStream code = new ByteArrayOutputStream();
  private final Map<String, Integer> labels = new HashMap<>();
  private final List<Fixup> fixups = new ArrayList<>();

  Assembly(long origin) {
    this.origin = origin;
  }

  Assembly label(String name) {
    labels.put(name, code.size());
    return this;
  }

  long address(String label) {
    Integer at = labels.get(label);
    if (at == null) {
      throw new IllegalStateException("no label " + label);
    }
    return origin + at;
  }

  byte[] assemble() {
    byte[] bytes = code.toByteArray();
    for (Fixup fixup : fixups) {
      long relative = address(fixup.label) - origin - (fixup.at + 4);
      for (int i = 0; i < 4; i++) {
        bytes[fixup.at + i] = (byte) (relative >>> 8 * i);
      }
    }
    return bytes;
  }

  Assembly raw(int... bytes) {
    for (int value : bytes) {
      code.write(value);
    }
    return this;
  }

  private Assembly little(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      code.write((int) (value >>> 8 * i));
    }
    return this;
  }

  private Assembly relative(String label) {
    fixups.add(new Fixup(code.size(), label));
    return little(0, 4);
  }

  /** MOV r64, imm64. */
  Assembly mov(int reg, long value) {
    return raw(0x48, 0xb8 + reg).little(value, 8);
  }

  /** MOV r64, r64. */
  Assembly movReg(int to, int from) {
    return raw(0x48, 0x89, 0xc0 | from << 3 | to);
  }

  /** MOV r64, [disp32]. */
  Assembly load(int reg, int address) {
    return raw(0x48, 0x8b, 0x04 | reg << 3, 0x25).little(address, 4);
  }

  /** MOV [disp32], r64. */
  Assembly store(int address, int reg) {
    return raw(0x48, 0x89, 0x04 | reg << 3, 0x25).little(address, 4);
  }

  /** MOV r32, [r64]; neither RSP nor RBP. */
  Assembly load32(int reg, int base) {
    return raw(0x8b, reg << 3 | base);
  }

  /** MOV [r64], r32; neither RSP nor RBP. */
  Assembly store32(int base, int reg) {
    return raw(0x89, reg << 3 | base);
  }

  /** ADD, XOR, … r64, r64 by opcode: 0x01 ADD, 0x21 AND, 0x31 XOR, 0x29 SUB, 0x39 CMP, 0x85 TEST. */
  Assembly alu(int opcode, int to, int from) {
    return raw(0x48, opcode, 0xc0 | from << 3 | to);
  }

  /** ADD (0), OR (1), AND (4), SUB (5), XOR (6), CMP (7) r64, imm32. */
  Assembly aluImm(int operation, int reg, int value) {
    return raw(0x48, 0x81, 0xc0 | operation << 3 | reg).little(value, 4);
  }

  /** IMUL r64, r64. */
  Assembly imul(int to, int from) {
    return raw(0x48, 0x0f, 0xaf, 0xc0 | to << 3 | from);
  }

  /** SHR r64, imm8. */
  Assembly shr(int reg, int count) {
    return raw(0x48, 0xc1, 0xe8 | reg, count);
  }

  /** TEST AL, imm8. */
  Assembly testAl(int value) {
    return raw(0xa8, value);
  }

  /** CMP AL, imm8. */
  Assembly cmpAl(int value) {
    return raw(0x3c, value);
  }

  Assembly push(int reg) {
    return raw(0x50 + reg);
  }

  Assembly pop(int reg) {
    return raw(0x58 + reg);
  }

  Assembly jmp(String label) {
    return raw(0xe9).relative(label);
  }

  /** Jcc by condition code. */
  Assembly jcc(int condition, String label) {
    return raw(0x0f, 0x80 | condition).relative(label);
  }

  Assembly call(String label) {
    return raw(0xe8).relative(label);
  }

  Assembly ret() {
    return raw(0xc3);
  }

  Assembly sti() {
    return raw(0xfb);
  }

  Assembly cli() {
    return raw(0xfa);
  }

  Assembly hlt() {
    return raw(0xf4);
  }

  Assembly iretq() {
    return raw(0x48, 0xcf);
  }

  /** REP STOSB. */
  Assembly repStosb() {
    return raw(0xf3, 0xaa);
  }

  /** MOV DX, port; MOV AL, value; OUT DX, AL. */
  Assembly out(int port, int value) {
    return dx(port).raw(0xb0, value, 0xee);
  }

  /** MOV EDX, port. */
  Assembly dx(int port) {
    return raw(0xba).little(port, 4);
  }

  /** OUT DX, AL. */
  Assembly outAl() {
    return raw(0xee);
  }

  /** IN AL, DX. */
  Assembly inAl() {
    return raw(0xec);
  }

  /** IN EAX, DX. */
  Assembly inEax() {
    return raw(0xed);
  }

  /** A store of a constant to any address, by way of RDI and RAX. */
  Assembly mmio(long address, int width, long value) {
    mov(RDI, address).mov(RAX, value);
    return switch (width) {
      case 1 -> raw(0x88, 0x07);
      case 2 -> raw(0x66, 0x89, 0x07);
      case 4 -> raw(0x89, 0x07);
      default -> raw(0x48, 0x89, 0x07);
    };
  }

  /** An instruction whose memory operand is [disp32] or [register * scale + disp32], with its ModRM and SIB given. */
  Assembly memory(int address, int... encoding) {
    return raw(encoding).little(address, 4);
  }

  Assembly word(int value) {
    return little(value, 2);
  }

  Assembly dword(int value) {
    return little(value, 4);
  }

  /** RDTSC; RDX:RAX joined in RAX. */
  Assembly rdtsc() {
    return raw(0x0f, 0x31).raw(0x48, 0xc1, 0xe2, 32).alu(0x09, RAX, RDX);
  }
}
