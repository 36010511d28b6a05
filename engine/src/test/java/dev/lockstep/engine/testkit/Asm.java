package dev.lockstep.engine.testkit;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A small assembler of 64-bit code for tests: the common forms by name, everything else by {@link #hex}. Operands come in Intel's order, destination first; all operations are of 64 bits unless their name
 * says otherwise.
 */
public final class Asm {
  /** Register numbers. */
  public static final int RAX = 0,
      RCX = 1,
      RDX = 2,
      RBX = 3,
      RSP = 4,
      RBP = 5,
      RSI = 6,
      RDI = 7,
      R8 = 8,
      R9 = 9,
      R10 = 10,
      R11 = 11,
      R12 = 12,
      R13 = 13,
      R14 = 14,
      R15 = 15;

  /** Condition codes. */
  public static final int O = 0,
      NO = 1,
      B = 2,
      AE = 3,
      E = 4,
      NE = 5,
      BE = 6,
      A = 7,
      S = 8,
      NS = 9,
      P = 10,
      NP = 11,
      L = 12,
      GE = 13,
      LE = 14,
      G = 15;

  /** Arithmetic by its number in opcodes and group 1. */
  public static final int ADD = 0, OR = 1, ADC = 2, SBB = 3, AND = 4, SUB = 5, XOR = 6, CMP = 7;

  private record Fixup(int at, int size, String label) {}

  private final long origin;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Map<String, Integer> labels = new HashMap<>();
  private final List<Fixup> fixups = new ArrayList<>();

  /**
   * @param origin the address that the code will be loaded to
   */
  public Asm(long origin) {
    this.origin = origin;
  }

  /** The address of the next instruction. */
  public long here() {
    return origin + out.size();
  }

  /** Names the next instruction. */
  public Asm label(String name) {
    if (labels.put(name, out.size()) != null) {
      throw new IllegalArgumentException("label '" + name + "' is there twice");
    }
    return this;
  }

  /** The address of a label; all code before it must have been written. */
  public long address(String name) {
    Integer at = labels.get(name);
    if (at == null) {
      throw new IllegalArgumentException("there is no label '" + name + "'");
    }
    return origin + at;
  }

  /** The code, with every label resolved. */
  public byte[] bytes() {
    byte[] code = out.toByteArray();
    for (Fixup fixup : fixups) {
      long distance = address(fixup.label) - origin - (fixup.at + fixup.size);
      if (fixup.size == 1 && distance != (byte) distance) {
        throw new IllegalArgumentException("label '" + fixup.label + "' is too far away");
      }
      for (int i = 0; i < fixup.size; i++) {
        code[fixup.at + i] = (byte) (distance >> 8 * i);
      }
    }
    return code;
  }

  /** Bytes in hexadecimal; blanks are ignored. */
  public Asm hex(String bytes) {
    out.writeBytes(HexFormat.of().parseHex(bytes.replace(" ", "")));
    return this;
  }

  public Asm mov(int d, int s) {
    return rex(true, s, d).op(0x89).direct(s, d);
  }

  /** Any constant, in 10 bytes. */
  public Asm movi(int d, long value) {
    rex(true, 0, d).op(0xb8 | d & 7);
    return number(value, 8);
  }

  /** {@code d = [base + displacement]}. */
  public Asm load(int d, int base, int displacement) {
    return rex(true, d, base).op(0x8b).memory(d, base, displacement);
  }

  /** {@code [base + displacement] = s}. */
  public Asm store(int base, int displacement, int s) {
    return rex(true, s, base).op(0x89).memory(s, base, displacement);
  }

  public Asm store8(int base, int displacement, int s) {
    return rexAlways(s, base).op(0x88).memory(s, base, displacement);
  }

  /** {@code kind d, s} of the eight arithmetic operations. */
  public Asm alu(int kind, int d, int s) {
    return rex(true, s, d).op(kind << 3 | 1).direct(s, d);
  }

  /** {@code kind d, constant of 32 bits}. */
  public Asm alui(int kind, int d, int value) {
    rex(true, 0, d).op(0x81).direct(kind, d);
    return number(value, 4);
  }

  public Asm inc(int d) {
    return rex(true, 0, d).op(0xff).direct(0, d);
  }

  public Asm dec(int d) {
    return rex(true, 0, d).op(0xff).direct(1, d);
  }

  public Asm imul(int d, int s) {
    return rex(true, d, s).op(0x0f).op(0xaf).direct(d, s);
  }

  /** Shifts by a constant: kind 4 SHL, 5 SHR, 7 SAR, 0 ROL, 1 ROR. */
  public Asm shift(int kind, int d, int count) {
    rex(true, 0, d).op(0xc1).direct(kind, d);
    return number(count, 1);
  }

  public Asm push(int s) {
    return rex(false, 0, s).op(0x50 | s & 7);
  }

  public Asm pop(int d) {
    return rex(false, 0, d).op(0x58 | d & 7);
  }

  public Asm jmp(String label) {
    return op(0xe9).relative(label, 4);
  }

  public Asm jcc(int condition, String label) {
    return op(0x0f).op(0x80 | condition).relative(label, 4);
  }

  public Asm call(String label) {
    return op(0xe8).relative(label, 4);
  }

  public Asm loop(String label) {
    return op(0xe2).relative(label, 1);
  }

  public Asm ret() {
    return op(0xc3);
  }

  public Asm hlt() {
    return op(0xf4);
  }

  public Asm nop() {
    return op(0x90);
  }

  /** {@code OUT port, AL}. */
  public Asm out(int port) {
    op(0xe6);
    return number(port, 1);
  }

  /** {@code IN AL, port}. */
  public Asm in(int port) {
    op(0xe4);
    return number(port, 1);
  }

  private Asm op(int value) {
    out.write(value);
    return this;
  }

  private Asm rex(boolean wide, int reg, int rm) {
    int rex = (wide ? 8 : 0) | (reg >> 3) << 2 | rm >> 3;
    return rex == 0 ? this : op(0x40 | rex);
  }

  private Asm rexAlways(int reg, int rm) {
    return op(0x40 | (reg >> 3) << 2 | rm >> 3);
  }

  private Asm direct(int reg, int rm) {
    return op(0xc0 | (reg & 7) << 3 | rm & 7);
  }

  private Asm memory(int reg, int base, int displacement) {
    op(0x80 | (reg & 7) << 3 | base & 7);
    if ((base & 7) == RSP) {
      op(0x24);
    }
    return number(displacement, 4);
  }

  private Asm relative(String label, int size) {
    fixups.add(new Fixup(out.size(), size, label));
    return number(0, size);
  }

  private Asm number(long value, int size) {
    for (int i = 0; i < size; i++) {
      out.write((int) (value >> 8 * i) & 0xff);
    }
    return this;
  }
}
