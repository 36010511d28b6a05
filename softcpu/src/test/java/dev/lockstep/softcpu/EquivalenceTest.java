package dev.lockstep.softcpu;

import static dev.lockstep.engine.testkit.Asm.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** However a program is cut into runs, it does the same: random programs run whole, stepped, stopped at points, and moved to another vCPU in between. */
final class EquivalenceTest {
  private static final long DATA = 0x10_0000;
  private static final int DATA_BYTES = 0x8000;
  private static final int PROGRAMS = 12;

  /** Six rounds of the loop's own two instructions: forward jumps may skip all the others. */
  private static final int FEWEST_STEPS = 12;

  /** One moment of a stepped execution. */
  private record Moment(ExecutionPoint point, long digest) {}

  private final CpuState state = new CpuState();

  @ParameterizedTest
  @EnumSource(BranchSemantics.class)
  void everyWayOfRunningIsTheSame(BranchSemantics semantics) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("equivalence of runs: lockstep.seed=" + seed);
    Random random = new Random(seed);
    for (int i = 0; i < PROGRAMS; i++) {
      byte[] program = program(new Random(random.nextLong()));
      List<Moment> moments = stepped(program, semantics);
      Moment last = moments.getLast();
      assertThat(moments.size()).as("steps, seed %d", seed).isGreaterThan(FEWEST_STEPS);
      assertThat(whole(program, semantics)).as("whole, seed %d", seed).isEqualTo(last);
      assertThat(inPieces(program, semantics, random))
          .as("by deadlines, seed %d", seed)
          .isEqualTo(last);
      for (int j = 0; j < 20; j++) {
        Moment wanted = moments.get(random.nextInt(moments.size()));
        assertThat(reached(program, semantics, wanted.point()))
            .as("program %d at %s, seed %d", i, wanted.point(), seed)
            .isEqualTo(wanted);
      }
    }
  }

  @Test
  void machinesInOneProcessDoNotDisturbEachOther() {
    byte[] program = program(new Random(42));
    Moment alone = whole(program, BranchSemantics.ALL_TRANSFERS);
    List<BareGuest> guests = new ArrayList<>();
    List<SoftVcpu> cpus = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      BareGuest guest = guest(program);
      guests.add(guest);
      cpus.add(vcpu(guest, BranchSemantics.ALL_TRANSFERS));
    }
    boolean running = true;
    for (long limit = 10; running; limit += 10) {
      running = false;
      for (SoftVcpu cpu : cpus) {
        running |= cpu.run(limit) == VcpuExit.Deadline.DEADLINE;
      }
    }
    for (int i = 0; i < 64; i++) {
      assertThat(moment(guests.get(i), cpus.get(i))).isEqualTo(alone);
      cpus.get(i).close();
      guests.get(i).close();
    }
  }

  private static BareGuest guest(byte[] program) {
    BareGuest guest = new BareGuest();
    guest.load(BareGuest.CODE, program);
    byte[] data = new byte[DATA_BYTES];
    new Random(7).nextBytes(data);
    guest.load(DATA, data);
    return guest;
  }

  private static SoftVcpu vcpu(BareGuest guest, BranchSemantics semantics) {
    SoftVcpu cpu =
        SoftVcpu.create(CpuModel.LOCKSTEP_V1_TSC, guest.memory(), count -> count, semantics);
    cpu.setState(guest.kernel64(BareGuest.CODE));
    return cpu;
  }

  private Moment moment(BareGuest guest, SoftVcpu cpu) {
    cpu.getState(state);
    long hash = state.digest();
    byte[] data = new byte[DATA_BYTES];
    guest.memory().read(DATA, data, 0, data.length);
    for (byte b : data) {
      hash = hash * 31 + b;
    }
    guest.memory().read(BareGuest.TABLES, data, 0, data.length);
    for (byte b : data) {
      hash = hash * 31 + b;
    }
    return new Moment(cpu.point(), hash);
  }

  private List<Moment> stepped(byte[] program, BranchSemantics semantics) {
    try (BareGuest guest = guest(program);
        SoftVcpu cpu = vcpu(guest, semantics)) {
      List<Moment> moments = new ArrayList<>();
      while (cpu.step() == VcpuExit.Stepped.STEPPED) {
        moments.add(moment(guest, cpu));
      }
      moments.add(moment(guest, cpu));
      return moments;
    }
  }

  private Moment whole(byte[] program, BranchSemantics semantics) {
    try (BareGuest guest = guest(program);
        SoftVcpu cpu = vcpu(guest, semantics)) {
      assertThat(cpu.run(Long.MAX_VALUE)).isEqualTo(VcpuExit.Halt.HALT);
      return moment(guest, cpu);
    }
  }

  private Moment inPieces(byte[] program, BranchSemantics semantics, Random random) {
    BareGuest guest = guest(program);
    SoftVcpu cpu = vcpu(guest, semantics);
    VcpuExit exit = VcpuExit.Deadline.DEADLINE;
    while (exit != VcpuExit.Halt.HALT) {
      if (random.nextInt(4) == 0) {
        cpu.kick();
      }
      if (random.nextInt(8) == 0) {
        // Moves to a fresh vCPU over the same memory.
        CpuState carried = new CpuState();
        cpu.getState(carried);
        long count = cpu.branchCount();
        cpu = vcpu(guest, semantics);
        cpu.setState(carried);
        cpu.setBranchCount(count);
      }
      exit = cpu.run(cpu.branchCount() + 1 + random.nextInt(50));
    }
    Moment moment = moment(guest, cpu);
    cpu.close();
    guest.close();
    return moment;
  }

  private Moment reached(byte[] program, BranchSemantics semantics, ExecutionPoint point) {
    try (BareGuest guest = guest(program);
        SoftVcpu cpu = vcpu(guest, semantics)) {
      VcpuExit exit = cpu.runTo(point);
      assertThat(exit).isIn(VcpuExit.PointReached.POINT_REACHED, VcpuExit.Halt.HALT);
      return moment(guest, cpu);
    }
  }

  /** A loop over random instructions. RBX points to data, R15 counts rounds; the others are free. */
  private static byte[] program(Random random) {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA).movi(R15, 6 + random.nextInt(10));
    for (int i : new int[] {RAX, RCX, RDX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14}) {
      asm.movi(i, random.nextLong());
    }
    asm.label("round");
    int length = 40 + random.nextInt(200);
    for (int i = 0; i < length; i++) {
      asm.label("i" + i);
      instruction(asm, random, i, length);
    }
    asm.label("i" + length);
    asm.dec(R15).jcc(NE, "round").hlt();
    for (int i = 0; i < 3; i++) {
      asm.label("sub" + i).alu(XOR, RAX, R8 + i).push(RAX).pop(R9).ret();
    }
    return asm.bytes();
  }

  private static int register(Random random) {
    int[] free = {RAX, RCX, RDX, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14};
    return free[random.nextInt(free.length)];
  }

  private static void instruction(Asm asm, Random random, int i, int length) {
    int a = register(random);
    int b = register(random);
    int at = random.nextInt(DATA_BYTES - 16);
    switch (random.nextInt(14)) {
      case 0, 1, 2 -> asm.alu(random.nextInt(8), a, b);
      case 3 -> asm.alui(random.nextInt(8), a, random.nextInt());
      case 4 -> asm.load(a, RBX, at);
      case 5 -> asm.store(RBX, at, a);
      case 6 -> asm.shift(new int[] {0, 1, 4, 5, 7}[random.nextInt(5)], a, random.nextInt(64));
      case 7 -> asm.imul(a, b);
      case 8 -> asm.push(a).pop(b);
      case 9 -> asm.jcc(random.nextInt(16), "i" + (i + 1 + random.nextInt(length - i)));
      case 10 -> asm.call("sub" + random.nextInt(3));
      case 11 -> asm.inc(a).dec(b);
      case 12 -> {
        asm.movi(RDI, DATA + random.nextInt(0x1800)).movi(RCX, random.nextInt(40));
        asm.movi(RSI, DATA + 0x4000 + random.nextInt(0x1000));
        asm.hex(new String[] {"f3 a4", "f3 48 ab", "f3 48 a5", "f2 ae", "f3 48 a7"}[i % 5]);
      }
      default -> {
        // Rewrites the constant of the instruction after it.
        asm.movi(R14, asm.here() + 10 + 7 + 2).store8(R14, 0, a).movi(b, random.nextLong());
      }
    }
  }
}
