package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.VmmException;
import java.util.function.LongUnaryOperator;

/** The guest's code as bytes that can be exchanged, while the vCPU is stopped or has not run. */
final class CodeBytes {
  private final GuestMemory memory;
  private final LongUnaryOperator physical;

  private CodeBytes(GuestMemory memory, LongUnaryOperator physical) {
    this.memory = memory;
    this.physical = physical;
  }

  /** By guest-physical addresses. */
  static CodeBytes physical(GuestMemory memory) {
    return new CodeBytes(memory, LongUnaryOperator.identity());
  }

  /** By linear addresses; pages may lie anywhere. Its methods throw {@link VmmException} where nothing is mapped. */
  static CodeBytes linear(LinearView view, GuestMemory memory) {
    return new CodeBytes(
        memory,
        address -> {
          long at = view.physical(address);
          if (at < 0) {
            throw new VmmException(
                "the guest's code at %#x is not in its memory, so its reads of the time-stamp counter cannot be patched"
                    .formatted(address),
                "Run this guest without --patch-tsc, on --engine soft.");
          }
          return at;
        });
  }

  /** What is there. */
  byte[] get(long address, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) memory.read8(physical.applyAsLong(address + i));
    }
    return bytes;
  }

  /** Puts other bytes in place; answers what was there. */
  byte[] swap(long address, byte[] bytes) {
    byte[] before = get(address, bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      memory.write8(physical.applyAsLong(address + i), bytes[i] & 0xff);
    }
    return before;
  }
}
