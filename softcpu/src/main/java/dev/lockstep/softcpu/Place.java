package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/**
 * An operand that ModRM names, register or memory, in any size: for the forms that are not worth a class for each kind. Used as read, or as {@link #readForWrite} and {@link #write}.
 */
final class Place {
  private final @Nullable Ea ea;
  private final int code;

  /** Bytes: 1, 2, 4 or 8. */
  final int size;

  private Place(@Nullable Ea ea, int size, int code) {
    this.ea = ea;
    this.size = size;
    this.code = code;
  }

  /** The ModRM.rm operand of an instruction, of {@code size} bytes. */
  static Place of(Insn insn, int size) {
    return new Place(insn.ea, size, insn.ea != null ? 0 : Operand.code(insn, size, insn.rm));
  }

  /** A register. */
  static Place register(Insn insn, int size, int number) {
    return new Place(null, size, Operand.code(insn, size, number));
  }

  /** Its value, zero-extended. */
  long read(Cpu c) {
    Ea e = ea;
    return e == null ? Operand.get(c, size, code) : Operand.load(c, size, e.read(c, size));
  }

  /** Its value, zero-extended, checked for the write that follows. */
  long readForWrite(Cpu c) {
    Ea e = ea;
    return e == null ? Operand.get(c, size, code) : Operand.loadForWrite(c, size, e.write(c, size));
  }

  /** Writes it. May raise for memory: before any other change of the operation. */
  void write(Cpu c, long value) {
    Ea e = ea;
    if (e == null) {
      Operand.set(c, size, code, value);
    } else {
      Operand.store(c, size, e.write(c, size), value);
    }
  }

  boolean isRegister() {
    return ea == null;
  }

  boolean usesStackSegment() {
    Ea e = ea;
    return e != null && e.usesStackSegment();
  }
}
