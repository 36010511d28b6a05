package dev.lockstep.engine.contract;

import static dev.lockstep.engine.testkit.Asm.*;

import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Random;

/**
 * Makes programs that compute: a loop over random instructions (arithmetic, memory, branches, calls, repeated strings, self-modification, ports) that ends in HLT. RBX points to data, R15 counts rounds;
 * the other registers are free.
 */
final class RandomProgram {
  /** Bytes of data that a program works on, from {@link Rig#DATA} on. */
  static final int DATA_BYTES = 0x8000;

  private static final int[] FREE = {RAX, RCX, RDX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14};
  private static final int[] SHIFTS = {0, 1, 4, 5, 7};
  private static final String[] STRINGS = {"f3 a4", "f3 48 ab", "f3 48 a5", "f2 ae", "f3 48 a7"};

  private final Asm asm = new Asm(BareGuest.CODE);
  private final Random random;
  private final int length;

  private RandomProgram(Random random) {
    this.random = random;
    this.length = 40 + random.nextInt(200);
  }

  /** A program of 6 to 15 rounds. */
  static byte[] make(Random random) {
    return new RandomProgram(random).write(6 + random.nextInt(10));
  }

  /** A program of that many rounds. */
  static byte[] make(Random random, int rounds) {
    return new RandomProgram(random).write(rounds);
  }

  private byte[] write(int rounds) {
    asm.movi(RBX, Rig.DATA).movi(R15, rounds);
    for (int register : FREE) {
      asm.movi(register, random.nextLong());
    }
    asm.label("round");
    for (int i = 0; i < length; i++) {
      asm.label("i" + i);
      instruction(i);
    }
    asm.label("i" + length);
    asm.dec(R15).jcc(NE, "round").hlt();
    for (int i = 0; i < 3; i++) {
      asm.label("sub" + i).alu(XOR, RAX, R8 + i).push(RAX).pop(R9).ret();
    }
    return asm.bytes();
  }

  private int register() {
    return FREE[random.nextInt(FREE.length)];
  }

  private void instruction(int i) {
    int a = register();
    int b = register();
    int at = random.nextInt(DATA_BYTES - 16);
    switch (random.nextInt(15)) {
      case 0, 1, 2 -> asm.alu(random.nextInt(8), a, b);
      case 3 -> asm.alui(random.nextInt(8), a, random.nextInt());
      case 4 -> asm.load(a, RBX, at);
      case 5 -> asm.store(RBX, at, a);
      case 6 -> asm.shift(SHIFTS[random.nextInt(5)], a, random.nextInt(64));
      case 7 -> asm.imul(a, b);
      case 8 -> asm.push(a).pop(b);
      case 9 -> asm.jcc(random.nextInt(16), "i" + (i + 1 + random.nextInt(length - i)));
      case 10 -> asm.call("sub" + random.nextInt(3));
      case 11 -> asm.inc(a).dec(b);
      case 12 -> {
        asm.movi(RDI, Rig.DATA + random.nextInt(0x1800)).movi(RCX, random.nextInt(40));
        asm.movi(RSI, Rig.DATA + 0x4000 + random.nextInt(0x1000));
        asm.hex(STRINGS[i % 5]);
      }
      case 13 -> {
        if (random.nextBoolean()) {
          asm.out(0x80);
        } else {
          asm.in(0x60);
        }
      }
      default -> {
        // Rewrites the constant of the instruction after it.
        asm.movi(R14, asm.here() + 10 + 7 + 2).store8(R14, 0, a).movi(b, random.nextLong());
      }
    }
  }
}
