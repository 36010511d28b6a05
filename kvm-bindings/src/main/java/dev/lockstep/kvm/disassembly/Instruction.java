package dev.lockstep.kvm.disassembly;

/**
 * An instruction as text, in Intel's syntax.
 *
 * @param address of its first byte
 * @param length bytes
 * @param mnemonic with prefixes; {@code .byte} for a byte that begins no instruction
 * @param operands empty if there are none
 */
public record Instruction(long address, int length, String mnemonic, String operands) {
  /** The line that a listing shows, without the address. */
  @Override
  public String toString() {
    return operands.isEmpty() ? mnemonic : mnemonic + " " + operands;
  }
}
