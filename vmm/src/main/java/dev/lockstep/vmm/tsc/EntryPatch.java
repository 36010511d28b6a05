package dev.lockstep.vmm.tsc;

import dev.lockstep.vmm.boot.KernelMap;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where the begin of a function of the kernel can be patched into an OUT that stops the guest, and what is replaced: behind ENDBR64 and the call of (or NOP for) function tracing, both of which the kernel
 * rewrites by itself, either two NOPs or the first instructions that save registers.
 *
 * @param physical guest-physical address of the patch
 * @param original the whole instructions that begin within the patch
 */
record EntryPatch(long physical, byte[] original) {
  private static final byte[] ENDBR64 = {(byte) 0xf3, 0x0f, 0x1e, (byte) 0xfa};
  private static final byte[] NOP5 = {0x0f, 0x1f, 0x44, 0, 0};
  private static final byte CALL = (byte) 0xe8;
  private static final int CALL_LENGTH = 5;
  private static final byte NOP = (byte) 0x90;
  private static final int LOOK = 32;

  /** Of the function at an address; null if it begins in no way that is known. */
  static @Nullable EntryPatch of(KernelMap map, CodeBytes code, long function) {
    for (KernelMap.Section section : map.code()) {
      if (section.contains(function) && section.contains(function + LOOK)) {
        long physical = section.physicalOf(function);
        return at(code.get(physical, LOOK), physical);
      }
    }
    return null;
  }

  private static @Nullable EntryPatch at(byte[] bytes, long physical) {
    int at = begins(bytes, 0, ENDBR64) ? ENDBR64.length : 0;
    if (bytes[at] == CALL || begins(bytes, at, NOP5)) {
      at += CALL_LENGTH;
    }
    InstructionLength lengths = new InstructionLength(bytes);
    int end = at;
    while (end < at + StopPort.LENGTH) {
      int length = lengths.at(end);
      if (length < 0 || !isPlain(bytes, end)) {
        return null;
      }
      end += length;
    }
    return new EntryPatch(physical + at, Arrays.copyOfRange(bytes, at, end));
  }

  /** NOP; PUSH r64; MOV r64, r64; SUB RSP, imm8: they lead to the next instruction, wherever they are executed. */
  private static boolean isPlain(byte[] bytes, int at) {
    int rex = (bytes[at] & 0xf0) == 0x40 ? bytes[at] : 0;
    int opcode = bytes[rex == 0 ? at : at + 1] & 0xff;
    int next = bytes[rex == 0 ? at + 1 : at + 2] & 0xff;
    return opcode == (NOP & 0xff)
        || (opcode & 0xf8) == 0x50
        || rex != 0 && (opcode == 0x89 || opcode == 0x8b) && next >= 0xc0
        || rex != 0 && opcode == 0x83 && next == 0xec;
  }

  private static boolean begins(byte[] bytes, int at, byte[] with) {
    return Arrays.equals(bytes, at, at + with.length, with, 0, with.length);
  }

  /** Whether what is replaced does nothing, so that the guest just goes on. */
  boolean replacesNothing() {
    return original.length == StopPort.LENGTH && original[0] == NOP && original[1] == NOP;
  }

  /** Puts the OUT there. */
  void apply(CodeBytes code, StopPort port) {
    code.swap(physical, port.instruction());
  }
}
