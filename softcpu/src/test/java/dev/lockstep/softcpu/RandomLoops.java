package dev.lockstep.softcpu;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Random programs of 64-bit code with loops, calls and indirect jumps that end: at an HLT, or at the first exception. They work on memory at RBX and R11, move R12 through memory until it meets its end,
 * read a device at R13, and may store into their own constants. R15 bounds the loops.
 */
final class RandomLoops {
  private static final int RBX = 3;
  private static final int[] REGISTERS = {0, 1, 2, 5, 6, 8, 9, 10};

  /** A 32-bit distance at {@code at} that must lead to a label. */
  private record Fixup(int at, int label, int after) {}

  private final Random random;
  private final boolean modifying;
  private final ByteArrayOutputStream code = new ByteArrayOutputStream();
  private final List<Fixup> fixups = new ArrayList<>();
  private final int[] labels = new int[64];
  private final List<Integer> constants = new ArrayList<>();
  private final List<Fixup> stores = new ArrayList<>();

  /**
   * @param modifying whether the program stores into itself
   */
  RandomLoops(Random random, boolean modifying) {
    this.random = random;
    this.modifying = modifying;
  }

  /** The code of one program. */
  byte[] make() {
    int blocks = 3 + random.nextInt(6);
    int subroutine = blocks + 1;
    constant();
    for (int i = 0; i < blocks; i++) {
      labels[i] = code.size();
      straight();
      end(i, blocks, subroutine);
    }
    labels[blocks] = code.size();
    emit(0xf4);
    labels[subroutine] = code.size();
    straight();
    if (random.nextBoolean()) {
      emit(0x70 | random.nextInt(16), 1, 0xc3);
    }
    emit(0xc3);
    byte[] bytes = code.toByteArray();
    for (Fixup fixup : fixups) {
      patch(bytes, fixup.at, labels[fixup.label] - fixup.after);
    }
    for (Fixup store : stores) {
      int constant = constants.get(random.nextInt(constants.size()));
      patch(bytes, store.at, constant - store.after);
    }
    return bytes;
  }

  private static void patch(byte[] bytes, int at, int value) {
    for (int i = 0; i < 4; i++) {
      bytes[at + i] = (byte) (value >> 8 * i);
    }
  }

  private void emit(int... bytes) {
    for (int one : bytes) {
      code.write(one);
    }
  }

  private void distance(int label) {
    fixups.add(new Fixup(code.size(), label, code.size() + 4));
    emit(0, 0, 0, 0);
  }

  private int register() {
    return REGISTERS[random.nextInt(REGISTERS.length)];
  }

  private int number() {
    return switch (random.nextInt(4)) {
      case 0 -> 0;
      case 1 -> 0xff;
      default -> random.nextInt(256);
    };
  }

  /** MOV ESI, imm32, or another register: what stores into the code change. */
  private void constant() {
    emit(0xb8 | new int[] {0, 1, 2, 6}[random.nextInt(4)]);
    constants.add(code.size() + random.nextInt(4));
    emit(number(), number(), 0, number());
  }

  private void end(int block, int blocks, int subroutine) {
    int forward = block + 1 + random.nextInt(blocks - block);
    switch (random.nextInt(9)) {
      case 0, 1, 2 -> {
        // SUB R15, 1; JG back.
        emit(0x49, 0x83, 0xef, 1, 0x0f, 0x8f);
        distance(random.nextInt(block + 1));
      }
      case 3, 4 -> {
        emit(0x0f, 0x80 | random.nextInt(16));
        distance(forward);
      }
      case 5 -> {
        comparison();
        emit(0x0f, 0x80 | random.nextInt(16));
        distance(forward);
      }
      case 6 -> {
        emit(0xe8);
        distance(subroutine);
      }
      case 7 -> {
        // LEA R10, [RIP + distance]; JMP R10.
        emit(0x4c, 0x8d, 0x15);
        distance(forward);
        emit(0x41, 0xff, 0xe2);
      }
      default -> {
        emit(0xe9);
        distance(forward);
      }
    }
  }

  private void straight() {
    int count = 1 + random.nextInt(9);
    for (int i = 0; i < count; i++) {
      switch (random.nextInt(28)) {
        case 0, 1 -> comparison();
        case 2, 7, 8 -> called();
        case 9, 10 -> vector();
        case 3 -> constant();
        case 4 -> stack();
        case 5 -> walk();
        case 6 -> {
          if (modifying) {
            store();
          }
        }
        default -> common();
      }
    }
  }

  /** MOV RAX, [R12 + disp]; LEA R12, [R12 + 64]: goes on until a page is not there. Or a load from a device. */
  private void walk() {
    switch (random.nextInt(8)) {
      case 0 -> emit(0x41, 0x8b, 0x45, random.nextInt(0x40)); // MOV EAX, [R13 + disp]
      case 1, 2 -> emit(0x4d, 0x8d, 0x64, 0x24, 0x40); // LEA R12, [R12 + 64]
      case 3, 4 -> emit(0x49, 0x01, 0x44, 0x24, random.nextInt(0x40)); // ADD [R12 + disp], RAX
      case 5 -> emit(0x41, 0xff, 0x74, 0x24, random.nextInt(0x40)); // PUSH [R12 + disp]
      default -> emit(0x49, 0x8b, 0x44, 0x24, random.nextInt(0x40)); // MOV RAX, [R12 + disp]
    }
  }

  /** MOV [RIP + distance], DL or a constant: always, or where R15 is a multiple of 8. */
  private void store() {
    if (random.nextBoolean()) {
      // Now and then only, so that the rest gets hot: TEST R15B, 7; JNZ over it.
      emit(0x41, 0xf6, 0xc7, 7, 0x75, 7);
      emit(0xc6, 0x05);
      stores.add(new Fixup(code.size(), 0, code.size() + 5));
      emit(0, 0, 0, 0, number());
    } else if (random.nextBoolean()) {
      emit(0x88, 0x15);
      stores.add(new Fixup(code.size(), 0, code.size() + 4));
      emit(0, 0, 0, 0);
    } else {
      emit(0xc6, 0x05);
      stores.add(new Fixup(code.size(), 0, code.size() + 5));
      emit(0, 0, 0, 0, number());
    }
  }

  private void stack() {
    switch (random.nextInt(5)) {
      case 0 -> emit(0x50 | random.nextInt(8));
      case 1 -> emit(0x6a, number());
      case 2 -> emit(0x68, number(), number(), 0, number());
      default -> emit(0x58 | new int[] {0, 1, 2, 6}[random.nextInt(4)]);
    }
  }

  private void comparison() {
    switch (random.nextInt(3)) {
      case 0 -> operands(0x38 | random.nextInt(4), register(), false);
      case 1 -> operands(0x84 | random.nextInt(2), register(), false);
      default -> {
        operands(0x83, 7, true);
        emit(number());
      }
    }
  }

  /** An instruction that has a translation of its own, mostly. */
  private void common() {
    int reg = register();
    switch (random.nextInt(20)) {
      case 0, 1, 2, 3 -> operands(random.nextInt(8) << 3 | random.nextInt(4), reg, false);
      case 4, 5 -> {
        operands(random.nextBoolean() ? 0x83 : 0x80, random.nextInt(8), true);
        emit(number());
      }
      case 6 -> operands(0xfe | random.nextInt(2), random.nextInt(2), true);
      case 7, 8 -> {
        operands(0xc0 | random.nextInt(2), random.nextInt(8), true);
        emit(random.nextInt(70));
      }
      case 9 -> operands(0xd0 | random.nextInt(4), random.nextInt(8), true);
      case 10, 11 -> operands(0x88 | random.nextInt(4), reg, false);
      case 12 -> {
        operands(0xc6 | 0, 0, true);
        emit(number());
      }
      case 13 ->
          operands(0x100 | new int[] {0xaf, 0xb6, 0xb7, 0xbe, 0xbf}[random.nextInt(5)], reg, false);
      case 14 -> operands(0x140 | random.nextInt(16), reg, false);
      case 15 -> operands(0x190 | random.nextInt(16), 0, true);
      case 16 -> operands(0xf6 | random.nextInt(2), 2 + random.nextInt(4), true);
      case 17 -> {
        operands(0x6b, reg, false);
        emit(number());
      }
      case 18 -> operands(new int[] {0x8d, 0x63, 0x86, 0x87}[random.nextInt(4)], reg, false);
      default -> {
        if (random.nextBoolean()) {
          emit(0x48 | random.nextInt(2) << 3, 0x98 | random.nextInt(2));
        } else {
          emit(0x40 | random.nextInt(2) << 3, 0x0f, 0xc8 | random.nextInt(3));
        }
      }
    }
  }

  /** An instruction that goes by a call. */
  private void called() {
    int reg = register();
    switch (random.nextInt(20)) {
      case 0 -> operands(0x1a3 | random.nextInt(4) << 3, reg & 7, true);
      case 1 -> {
        operands(0x1ba, 4 + random.nextInt(4), true);
        emit(number());
      }
      case 2 -> operands(0x1bc | random.nextInt(2), reg, false);
      case 3 -> operands(0x1c0 | random.nextInt(2), reg, false);
      case 4 -> operands(0x1b0 | random.nextInt(2), reg, false);
      case 5 -> {
        operands(random.nextBoolean() ? 0x1a4 : 0x1ac, reg, false);
        emit(random.nextInt(64));
      }
      case 6 -> operands(random.nextBoolean() ? 0x1a5 : 0x1ad, reg, false);
      case 7 -> emit(0x9e | random.nextInt(2));
      case 8 -> emit(new int[] {0xf5, 0xf8, 0xf9, 0xfc}[random.nextInt(4)]);
      case 9 -> emit(0x0f, 0x31);
      case 10 -> operands(0xf7, 6 + random.nextInt(2), true);
      case 11 -> emit(0x66, 0x48 | random.nextInt(2), 0x0f, 0x6e, 0xc0 | random.nextInt(3));
      case 12 -> emit(0x66, 0x48, 0x0f, 0x7e, 0xc0 | random.nextInt(3));
      case 13 -> emit(0xf2, 0x48, 0x0f, 0x2a, 0xc0 | random.nextInt(3));
      case 15 -> {
        // XOR EDX, EDX or CQO: most divisions have one word to divide.
        emit(0x31, 0xd2);
        operands(0xf7, 6, true);
      }
      case 16 -> {
        emit(0x48, 0x99);
        operands(0xf7, 7, true);
      }
      case 17 -> emit(0xff, 0x73, random.nextInt(0x60)); // PUSH [RBX + disp]
      case 18 ->
          emit(0x48, 0x8d, 0x6b, 8 * random.nextInt(14), 0xc9); // LEA RBP, [RBX + disp]; LEAVE
      case 14 -> emit(0x0f, 0x10 | random.nextInt(2), 0x43, random.nextInt(0x60));
      default -> emit(0x48, 0x8d, 0x7b, random.nextInt(0x60), 0xaa | random.nextInt(2));
    }
  }

  /** Opcodes after 0F of moves and integer operations of XMM registers, their prefix above. */
  private static final int[] VECTORS = {
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x2b, 0x54, 0x55, 0x56, 0x57, 0x50,
    0x6610, 0x6611, 0x6612, 0x6613, 0x6614, 0x6615, 0x6616, 0x6617, 0x6628, 0x6629, 0x6654, 0x6657,
    0x6660, 0x6661, 0x6662, 0x6663, 0x6664, 0x6665, 0x6666, 0x6667, 0x6668, 0x6669, 0x666a, 0x666b,
    0x666c, 0x666d, 0x666e, 0x666f, 0x6674, 0x6675, 0x6676, 0x667e, 0x667f, 0x66d1, 0x66d2, 0x66d3,
    0x66d4, 0x66d5, 0x66d6, 0x66d7, 0x66d8, 0x66da, 0x66db, 0x66dc, 0x66de, 0x66df, 0x66e0, 0x66e1,
    0x66e3, 0x66e4, 0x66e5, 0x66e7, 0x66e8, 0x66ea, 0x66eb, 0x66ec, 0x66ee, 0x66ef, 0x66f1, 0x66f2,
    0x66f4, 0x66f5, 0x66f6, 0x66f8, 0x66fa, 0x66fb, 0x66fc, 0x66fd, 0x66fe, 0xf210, 0xf211, 0xf310,
    0xf311, 0xf36f, 0xf37e, 0xf37f, 0x6670, 0xf270, 0xf370, 0xc6, 0x66c6, 0x6671, 0x6672, 0x6673
  };

  /** An instruction of XMM registers; where it needs an aligned operand it mostly has one. */
  private void vector() {
    int which = VECTORS[random.nextInt(VECTORS.length)];
    int opcode = which & 0xff;
    if (which > 0xff) {
      emit(which >> 8);
    }
    boolean registers = random.nextInt(3) != 0;
    // Most have to do with memory aligned or not: RBX is a multiple of 16.
    int displacement = random.nextInt(40) == 0 ? random.nextInt(0x70) : 16 * random.nextInt(7);
    int rex = random.nextInt(3) == 0 ? 0x40 | random.nextInt(4) << 2 & 0xc : 0;
    boolean general = opcode == 0x6e || opcode == 0x7e || opcode == 0xd7 || opcode == 0x50;
    if (rex != 0) {
      emit(rex);
    }
    emit(0x0f, opcode);
    int reg = random.nextInt(8);
    if (opcode >= 0x71 && opcode <= 0x73) {
      reg = new int[] {2, 4, 6, 3, 7}[random.nextInt(opcode == 0x73 ? 5 : 3)];
      registers = true;
    } else if (general && (opcode == 0xd7 || opcode == 0x50)) {
      // Into one of RAX, RCX, RDX.
      reg = random.nextInt(3);
      registers = true;
    }
    int rm = general ? random.nextInt(3) : random.nextInt(8);
    if (registers) {
      emit(0xc0 | reg << 3 | rm);
    } else {
      emit(0x40 | reg << 3 | RBX, displacement);
    }
    if (opcode >= 0x70 && opcode <= 0x73 || opcode == 0xc6) {
      emit(random.nextInt(256));
    }
  }

  /**
   * Prefixes, opcode and ModRM of an instruction with a register and a place.
   *
   * @param opcode after 0F where it is 0x100 or more
   * @param reg a register, or an extension of the opcode
   */
  private void operands(int opcode, int reg, boolean extension) {
    boolean memory = random.nextInt(3) == 0 || opcode == 0x8d;
    int rm = register();
    int size = random.nextInt(5);
    if (memory && random.nextInt(12) == 0) {
      emit(new int[] {0x64, 0x65, 0x67}[random.nextInt(3)]);
    }
    if (size == 0) {
      emit(0x66);
    }
    boolean high = memory ? random.nextBoolean() : rm >= 8;
    int rex =
        (size >= 3 ? 8 : 0)
            | (!extension && reg >= 8 ? 4 : 0)
            | (high ? 1 : 0)
            | (memory && random.nextInt(4) == 0 ? 2 : 0);
    if (rex != 0 || random.nextInt(3) == 0) {
      emit(0x40 | rex);
    }
    if (opcode >= 0x100) {
      emit(0x0f);
    }
    emit(opcode & 0xff);
    if (memory) {
      // RBX, or R11 with REX.B.
      emit(0x40 | (reg & 7) << 3 | RBX, random.nextInt(0x70));
    } else {
      emit(0xc0 | (reg & 7) << 3 | rm & 7);
    }
  }
}
