package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What only blocks have, against the same code stepped (which the oracle compares with the host): comparisons fused with their branches, operations whose flags nobody sees, string instructions that
 * take many iterations at once.
 */
class BlockFormsTest {
  private static final int ROUNDS = 6000;
  private static final long DATA = 0x10_0000;
  private static final int DATA_BYTES = 0x4000;
  private static final int RBX = 3;
  private static final long[] CORNERS = {
    0,
    1,
    -1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    31,
    32,
    63
  };

  private static final int[] CORNERS_OF_CONSTANTS = {
    0, 1, -1, 0x7f, -0x80, 0x7fff_ffff, Integer.MIN_VALUE
  };

  private final long seed = Long.getLong("lockstep.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final BareGuest guest = new BareGuest();
  private final SoftVcpu cpu =
      SoftVcpu.create(
          CpuModel.LOCKSTEP_V1,
          guest.memory(),
          count -> count,
          BranchSemantics.ALL_TRANSFERS,
          translation());
  private final byte[] data = new byte[DATA_BYTES];
  private ByteArrayOutputStream code = new ByteArrayOutputStream();

  int rounds() {
    return ROUNDS;
  }

  /** How the blocks are run. */
  Translation translation() {
    return Translation.OFF;
  }

  @AfterEach
  void close() {
    cpu.close();
    guest.close();
  }

  @Test
  void arithmeticBeforeABranch() {
    for (int round = 0; round < rounds(); round++) {
      code = new ByteArrayOutputStream();
      int count = 1 + random.nextInt(4);
      for (int i = 0; i < count; i++) {
        arithmetic();
      }
      switch (random.nextInt(3)) {
        case 0 -> {
          // SETcc CL: looks at flags behind several partial setters.
          emit(0x0f, 0x90 | random.nextInt(16), 0xc1);
          arithmetic();
        }
        case 1 -> emit(0x9f); // LAHF
        default -> {}
      }
      // Jcc over MOV ESI, imm32.
      emit(0x70 | random.nextInt(16), 5, 0xbe, 0x11, 0x22, 0x33, 0x44, 0xf4);
      sameWholeAndStepped();
    }
  }

  @Test
  void everyComparisonBeforeEveryBranch() {
    // CMP, TEST, ADD, SUB, AND, OR of registers, memory and constants.
    int[] opcodes = {0x38, 0x39, 0x3a, 0x3b, 0x84, 0x85, 0x80, 0x81, 0x83, 0x00, 0x01, 0x28, 0x29};
    for (int opcode : opcodes) {
      for (int condition = 0; condition < 16; condition++) {
        for (int round = 0; round < rounds() / 250; round++) {
          code = new ByteArrayOutputStream();
          comparison(opcode, round);
          emit(0x70 | condition, 5, 0xbe, 0x11, 0x22, 0x33, 0x44, 0xf4);
          sameWholeAndStepped();
        }
      }
    }
  }

  /** A comparison of 64, 32 or 16 bits, of equal operands every fourth time. */
  private void comparison(int opcode, int round) {
    switch (round % 5) {
      case 0, 1 -> emit(0x48);
      case 2 -> emit(0x66);
      default -> {}
    }
    boolean memory = round % 3 == 0;
    boolean constant = (opcode & 0xfc) == 0x80 && opcode < 0x84;
    int operation = new int[] {0, 5, 7}[random.nextInt(3)];
    int reg = constant ? operation : freeRegister();
    int rm = memory ? 0x40 | RBX : 0xc0 | (round % 4 == 0 ? reg & 3 : freeRegister());
    operand(opcode, reg, rm);
    if (constant) {
      int bytes = opcode == 0x81 ? round % 5 == 2 ? 2 : 4 : 1;
      int value = CORNERS_OF_CONSTANTS[random.nextInt(CORNERS_OF_CONSTANTS.length)];
      for (int i = 0; i < bytes; i++) {
        emit(value >> 8 * i & 0xff);
      }
    }
  }

  @Test
  void repeatedStringInstructions() {
    int[] opcodes = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};
    for (int round = 0; round < rounds() / 10; round++) {
      code = new ByteArrayOutputStream();
      if (random.nextInt(4) == 0) {
        emit(0xfd);
      }
      emit(random.nextBoolean() ? 0xf3 : 0xf2);
      switch (random.nextInt(6)) {
        case 0 -> emit(0x66);
        case 1 -> emit(0x48);
        case 2 -> emit(0x67);
        default -> {}
      }
      emit(opcodes[random.nextInt(opcodes.length)], 0xf4);
      sameWholeAndStepped();
    }
  }

  private void emit(int... bytes) {
    for (int one : bytes) {
      code.write(one);
    }
  }

  /** One instruction that the block builder may treat on its own. */
  private void arithmetic() {
    int size = random.nextInt(6);
    if (size == 0) {
      emit(0x66);
    } else if (size > 2) {
      emit(0x48 | random.nextInt(2) | random.nextInt(2) << 2);
    }
    boolean memory = random.nextInt(4) == 0;
    int reg = freeRegister();
    int rm = memory ? 0x40 | RBX : 0xc0 | freeRegister();
    switch (random.nextInt(10)) {
      case 0, 1 -> operand(random.nextInt(8) << 3 | random.nextInt(4), reg, rm);
      case 2, 3 -> {
        operand(0x83, random.nextInt(8), rm);
        emit(random.nextInt(256));
      }
      case 4 -> operand(0x84 | random.nextInt(2), reg, rm);
      case 5 -> operand(0xfe | random.nextInt(2), random.nextInt(2), rm);
      case 6 -> {
        operand(0xc1, new int[] {0, 1, 4, 5, 7}[random.nextInt(5)], rm);
        emit(random.nextInt(256));
      }
      case 7 -> {
        emit(0x0f);
        operand(new int[] {0xaf, 0xb6, 0xb7, 0xbe, 0xbf}[random.nextInt(5)], reg, rm);
      }
      case 8 -> operand(0xf6 | random.nextInt(2), 2 + random.nextInt(2), rm);
      default -> {
        operand(0x80, random.nextInt(8), rm);
        emit(random.nextInt(256));
      }
    }
  }

  private void operand(int opcode, int reg, int rm) {
    emit(opcode, reg << 3 | rm);
    if (rm < 0xc0) {
      emit(random.nextInt(0x70));
    }
  }

  /** Not RSP, not RBX, and not what means BH in a byte instruction. */
  private int freeRegister() {
    return new int[] {0, 1, 2, 5, 6}[random.nextInt(5)];
  }

  private void sameWholeAndStepped() {
    byte[] bytes = code.toByteArray();
    // REX.B would make another register of RBX: both are pointed to data.
    CpuState start = guest.kernel64(BareGuest.CODE);
    for (int i = 0; i < 16; i++) {
      if (i != 4) {
        start.gpr[i] =
            random.nextBoolean() ? CORNERS[random.nextInt(CORNERS.length)] : random.nextLong();
      }
    }
    start.gpr[RBX] = DATA + 0x800;
    start.gpr[11] = DATA + 0x900;
    if ((bytes[0] & 0xfe) == 0xf2 || bytes[0] == (byte) 0xfd) {
      start.gpr[1] = random.nextInt(600);
      start.gpr[6] = DATA + 0x1000 + random.nextInt(0x400);
      start.gpr[7] =
          random.nextBoolean()
              ? DATA + 0x2000 + random.nextInt(0x400)
              : start.gpr[6] + random.nextInt(40) - 20;
    }
    start.rflags = 2 | random.nextInt() & 0x8d5;
    random.nextBytes(data);
    if (random.nextInt(3) == 0) {
      Arrays.fill(data, (byte) start.gpr[0]);
    }
    guest.load(BareGuest.CODE, bytes);
    guest.load(DATA, data);
    cpu.setState(start);
    cpu.setBranchCount(0);
    VcpuExit exit = VcpuExit.Stepped.STEPPED;
    while (exit == VcpuExit.Stepped.STEPPED) {
      exit = cpu.step();
    }
    String stepped = describe();
    guest.load(DATA, data);
    cpu.setState(start);
    cpu.setBranchCount(0);
    cpu.run(1000);
    assertThat(describe())
        .as("%s, seed %d", HexFormat.of().withDelimiter(" ").formatHex(bytes), seed)
        .isEqualTo(stepped);
  }

  private String describe() {
    CpuState state = new CpuState();
    cpu.getState(state);
    byte[] now = new byte[DATA_BYTES];
    guest.memory().read(DATA, now, 0, now.length);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 16; i++) {
      text.append("r%d=%x ".formatted(i, state.gpr[i]));
    }
    return text.append(
            "rip=%x flags=%x count=%d data=%x"
                .formatted(state.rip, state.rflags, cpu.branchCount(), Arrays.hashCode(now)))
        .toString();
  }
}
