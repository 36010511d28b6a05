package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Translated code against the interpreter: random programs with loops, faults in their middle, loads from a device and stores into their own code, stopped at deadlines on the way. Registers, flags,
 * memory, TLBs, counts of branches and instructions and exits are the same at every stop.
 */
final class RegionTest {
  private static final int ROUNDS = Integer.getInteger("lockstep.rounds", 250);
  private static final long DATA = 0x10_0000;
  private static final int DATA_BYTES = 0x4000;
  private static final long DEVICE = 0x12_0000;
  private static final long BEYOND_MEMORY = 0x4000_0000L;

  private final long seed = Long.getLong("lockstep.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private long translated;
  private long executed;

  /** One machine that runs a program in its own way. */
  private static final class Machine implements AutoCloseable {
    final BareGuest guest = new BareGuest();
    final SoftVcpu cpu;

    Machine(BranchSemantics semantics, Translation translation) {
      guest.map(DATA + DATA_BYTES, 0, 0);
      guest.map(DEVICE, BEYOND_MEMORY, 7);
      cpu =
          SoftVcpu.create(
              CpuModel.LOCKSTEP_V1_TSC, guest.memory(), count -> 3 * count, semantics, translation);
    }

    void start(byte[] code, long at, byte[] data, CpuState state) {
      guest.load(at, code);
      guest.load(DATA, data);
      cpu.setState(state);
      cpu.setBranchCount(0);
    }

    /** Runs to a count of branches, answering what a device is asked. */
    String run(long limit) {
      VcpuExit exit = cpu.run(limit);
      while (exit instanceof VcpuExit.MmioRead read) {
        read.complete(0x5a5a_0000_1234_5678L * read.width() ^ cpu.branchCount());
        exit = cpu.run(limit);
      }
      return exit.getClass().getSimpleName();
    }

    String describe(int codeBytes, long at) {
      CpuState state = new CpuState();
      cpu.getState(state);
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      try {
        state.writeTo(new DataOutputStream(all));
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
      byte[] now = new byte[DATA_BYTES];
      guest.memory().read(DATA, now, 0, now.length);
      byte[] code = new byte[codeBytes];
      guest.memory().read(at, code, 0, codeBytes);
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 16; i++) {
        text.append("r%d=%x ".formatted(i, state.gpr[i]));
      }
      return text.append(
              "rip=%x flags=%x branches=%d instructions=%d data=%x code=%x stack=%x all=%x"
                  .formatted(
                      state.rip,
                      state.rflags,
                      cpu.branchCount(),
                      cpu.instructionsExecuted(),
                      Arrays.hashCode(now),
                      Arrays.hashCode(code),
                      guest.memory().read64(BareGuest.KERNEL_STACK - 8),
                      Arrays.hashCode(all.toByteArray())))
          .toString();
    }

    @Override
    public void close() {
      cpu.close();
      guest.close();
    }
  }

  @Test
  void sameAsInterpretedWhereverItStops() {
    for (int round = 0; round < ROUNDS; round++) {
      BranchSemantics semantics =
          random.nextBoolean() ? BranchSemantics.ALL_TRANSFERS : BranchSemantics.CONDITIONAL;
      List<Translation> ways = new ArrayList<>(List.of(Translation.OFF));
      ways.add(Translation.ALWAYS);
      ways.add(Translation.mixed(random.nextLong()));
      ways.add(new Translation(2 + random.nextInt(150), true, 0));
      List<Machine> machines = new ArrayList<>();
      try {
        for (Translation way : ways) {
          machines.add(new Machine(semantics, way));
        }
        same(machines, ways);
        translated += machines.get(1).cpu.translationCounts().instructions();
        executed += machines.get(1).cpu.instructionsExecuted();
      } finally {
        machines.forEach(Machine::close);
      }
    }
    assertThat(translated).as("of %d instructions", executed).isGreaterThan(executed / 4);
  }

  private void same(List<Machine> machines, List<Translation> ways) {
    long programSeed = random.nextLong();
    Random of = new Random(programSeed);
    byte[] code = new RandomLoops(of, of.nextInt(3) == 0).make();
    long at = BareGuest.CODE + (of.nextInt(4) == 0 ? 0x1000 - of.nextInt(200) : of.nextInt(64));
    CpuState state = machines.get(0).guest.kernel64(at);
    byte[] data = new byte[DATA_BYTES];
    of.nextBytes(data);
    for (int i = 0; i < 16; i++) {
      if (i != 4) {
        state.gpr[i] = of.nextInt(3) == 0 ? of.nextInt(5) - 2 : of.nextLong();
      }
    }
    state.gpr[3] = DATA + 0x800;
    state.gpr[11] = DATA + 0x1ff0 - of.nextInt(0x100);
    state.gpr[12] = DATA + DATA_BYTES - 0x40L * of.nextInt(60) - of.nextInt(8);
    state.gpr[13] = DEVICE;
    state.gpr[15] = of.nextInt(80);
    state.segments[CpuState.FS].base = 0x10;
    state.segments[CpuState.GS].base = 0x28;
    state.rflags = 2 | of.nextInt() & 0x8d5;
    for (Machine machine : machines) {
      machine.start(code, at, data, state);
    }
    int step = of.nextBoolean() ? 1 : 1 + of.nextInt(100);
    long limit = 0;
    String exit = "Deadline";
    while (exit.equals("Deadline") && limit < 3000) {
      limit += of.nextInt(step) + 1;
      exit = machines.get(0).run(limit);
      String expected = exit + " " + machines.get(0).describe(code.length, at);
      for (int i = 1; i < machines.size(); i++) {
        String got = machines.get(i).run(limit) + " " + machines.get(i).describe(code.length, at);
        assertThat(got)
            .as(
                "%s, program %d at %x: %s, seed %d",
                ways.get(i), programSeed, at, HexFormat.of().formatHex(code), seed)
            .isEqualTo(expected);
      }
    }
  }
}
