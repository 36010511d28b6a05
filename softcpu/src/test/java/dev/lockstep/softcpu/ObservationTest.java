package dev.lockstep.softcpu;

import static dev.lockstep.engine.testkit.Asm.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** An observer is told the same however the vCPU is run, and exactly what the instructions do; and the vCPU does the same. */
final class ObservationTest {
  private static final long DATA = 0x10_0000;
  private static final int ABSENT = 0x18_0000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  /** One way to run a vCPU to its HLT. */
  private interface Way {
    VcpuExit run(SoftVcpu cpu);
  }

  /** Tells everything in words, an instruction or an event each, an access after its instruction. */
  private static final class Witness implements ExecutionObserver {
    final List<String> seen = new ArrayList<>();
    @Nullable ObservedState at;

    @Override
    public void executed(ObservedCode code, int count, int repeats, ObservedAccesses accesses) {
      int access = 0;
      for (int step = 0; step < count + repeats; step++) {
        int i = Math.min(step, count - 1);
        seen.add(
            "%#x, %d bytes, ring %d"
                .formatted(
                    code.rip() + code.start(i), code.start(i + 1) - code.start(i), code.ring()));
        while (access < accesses.count() && accesses.step(access) == step) {
          seen.add(words(accesses, access++));
        }
      }
      assertThat(access).isEqualTo(accesses.count());
    }

    private static String words(ObservedAccesses accesses, int i) {
      return "%s%s %d at %#x (%#x): %#x"
          .formatted(
              accesses.isSystem(i) ? "system " : "",
              accesses.isWrite(i) ? "store" : "load",
              accesses.size(i),
              accesses.linear(i),
              accesses.physical(i),
              accesses.value(i));
    }

    @Override
    public void delivered(
        Delivered kind,
        int vector,
        int errorCode,
        long address,
        long from,
        ObservedAccesses accesses) {
      seen.add(
          "%s %d error %d address %#x from %#x".formatted(kind, vector, errorCode, address, from));
      for (int i = 0; i < accesses.count(); i++) {
        seen.add(words(accesses, i));
      }
    }

    @Override
    public void called(Call call, int vector) {
      seen.add(call + " " + vector);
    }

    @Override
    public void port(int port, int width, int value, boolean write) {
      seen.add("port %#x %d %#x %s".formatted(port, width, value, write));
    }

    @Override
    public void pageTable(long from, long to) {
      seen.add("cr3 %#x to %#x".formatted(from, to));
    }
  }

  private record Run(List<String> seen, CpuState state, long branches) {}

  /** Runs a program from the same beginning; observed or not. */
  private static Run run(Asm asm, boolean observed, boolean accesses, Way way) {
    try (BareGuest guest = new BareGuest()) {
      guest.load(BareGuest.CODE, asm.bytes());
      guest.map(ABSENT, 0, 0);
      SoftVcpu cpu =
          SoftVcpu.create(
              CpuModel.LOCKSTEP_V1_TSC,
              guest.memory(),
              count -> 1000 + count,
              BranchSemantics.ALL_TRANSFERS);
      Witness witness = new Witness();
      if (observed) {
        witness.at = cpu.observe(witness);
        cpu.observeAccesses(accesses);
      }
      cpu.setState(guest.kernel64(BareGuest.CODE));
      assertThat(way.run(cpu)).isEqualTo(VcpuExit.Halt.HALT);
      CpuState state = new CpuState();
      cpu.getState(state);
      Run run = new Run(witness.seen, state, cpu.branchCount());
      cpu.close();
      return run;
    }
  }

  private static VcpuExit inBlocks(SoftVcpu cpu) {
    return answered(cpu, cpu.run(Long.MAX_VALUE), () -> cpu.run(Long.MAX_VALUE));
  }

  private static VcpuExit byStep(SoftVcpu cpu) {
    VcpuExit exit = answered(cpu, cpu.step(), cpu::step);
    while (exit instanceof VcpuExit.Stepped) {
      exit = answered(cpu, cpu.step(), cpu::step);
    }
    return exit;
  }

  /** A few branches at a time, kicked now and then. */
  private VcpuExit inPieces(SoftVcpu cpu) {
    while (true) {
      if (random.nextInt(3) == 0) {
        cpu.kick();
      }
      long limit = cpu.branchCount() + 1 + random.nextInt(4);
      VcpuExit exit = answered(cpu, cpu.run(limit), () -> cpu.run(limit));
      if (exit instanceof VcpuExit.Halt) {
        return exit;
      }
    }
  }

  private static VcpuExit answered(
      SoftVcpu cpu, VcpuExit first, java.util.function.Supplier<VcpuExit> next) {
    VcpuExit exit = first;
    while (true) {
      if (exit instanceof VcpuExit.PortRead it) {
        it.complete(0x5a);
      } else if (!(exit instanceof VcpuExit.PortWrite)) {
        return exit;
      }
      exit = next.get();
    }
  }

  /** The same however it is run; and what it is without accesses; and the guest sees no difference, its TLBs included. */
  private List<String> seen(Asm asm) {
    Run plain = run(asm, false, false, ObservationTest::inBlocks);
    Run blocks = run(asm, true, true, ObservationTest::inBlocks);
    same(plain, blocks);
    Run steps = run(asm, true, true, ObservationTest::byStep);
    same(plain, steps);
    assertThat(steps.seen).isEqualTo(blocks.seen);
    Run pieces = run(asm, true, true, this::inPieces);
    same(plain, pieces);
    assertThat(pieces.seen).as("seed %d", seed).isEqualTo(blocks.seen);
    Run flow = run(asm, true, false, ObservationTest::inBlocks);
    same(plain, flow);
    List<String> without = new ArrayList<>(blocks.seen);
    without.removeIf(line -> line.contains("load ") || line.contains("store "));
    assertThat(flow.seen).isEqualTo(without);
    return blocks.seen;
  }

  private static void same(Run one, Run other) {
    assertThat(other.branches).isEqualTo(one.branches);
    assertThat(other.state.digest()).isEqualTo(one.state.digest());
    assertThat(other.state.engineState).isEqualTo(one.state.engineState);
  }

  @Test
  void everyAccessIsToldWithItsInstruction() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA).movi(RAX, 0x1122334455667788L); // 10 bytes each
    long at = asm.here();
    asm.store(RBX, 0, RAX); // 7 bytes
    asm.nop();
    asm.load(RCX, RBX, 0);
    asm.push(RAX).pop(RDX);
    asm.hex("48 01 03"); // add [rbx], rax
    asm.hex("66 8b 43 02"); // mov ax, [rbx+2]
    asm.hlt();
    List<String> seen = seen(asm);
    int storeLength = asm.bytes().length - (int) (at - BareGuest.CODE) - 1 - 2 - 3 - 4 - 1;
    assertThat(storeLength % 2).isZero();
    int length = storeLength / 2;
    long push = at + 2L * length + 1;
    assertThat(seen.subList(2, seen.size()))
        .containsExactly(
            "%#x, %d bytes, ring 0".formatted(at, length),
            "store 8 at 0x100000 (0x100000): 0x1122334455667788",
            "%#x, 1 bytes, ring 0".formatted(at + length),
            "%#x, %d bytes, ring 0".formatted(at + length + 1, length),
            "load 8 at 0x100000 (0x100000): 0x1122334455667788",
            "%#x, 1 bytes, ring 0".formatted(push),
            "store 8 at 0x7ff8 (0x7ff8): 0x1122334455667788",
            "%#x, 1 bytes, ring 0".formatted(push + 1),
            "load 8 at 0x7ff8 (0x7ff8): 0x1122334455667788",
            "%#x, 3 bytes, ring 0".formatted(push + 2),
            "load 8 at 0x100000 (0x100000): 0x1122334455667788",
            "store 8 at 0x100000 (0x100000): 0x22446688aaccef10",
            "%#x, 4 bytes, ring 0".formatted(push + 5),
            "load 2 at 0x100002 (0x100002): 0xaacc",
            "%#x, 1 bytes, ring 0".formatted(push + 9));
  }

  @Test
  void anAccessThatCrossesAPageIsTwo() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, DATA - 3).movi(RAX, 0x1122334455667788L).store(RBX, 0, RAX).hlt();
    assertThat(seen(asm))
        .contains(
            "store 3 at 0xffffd (0xffffd): 0x667788",
            "store 5 at 0x100000 (0x100000): 0x1122334455");
  }

  @Test
  void iterationsOfAStringInstructionAreInstructions() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RSI, DATA).movi(RDI, DATA + 0x0ffc).movi(RCX, 5).movi(RAX, 7);
    asm.store(RSI, 0, RAX);
    long at = asm.here();
    asm.hex("f3 48 a5"); // rep movsq
    asm.movi(RCX, 0).hex("f3 a4").hlt();
    List<String> seen = seen(asm);
    assertThat(seen).filteredOn(line -> line.startsWith("%#x,".formatted(at))).hasSize(5);
    assertThat(seen)
        .contains(
            "load 8 at 0x100000 (0x100000): 0x7",
            "store 4 at 0x100ffc (0x100ffc): 0x7",
            "store 4 at 0x101000 (0x101000): 0x0");
  }

  @Test
  void whatDoesNotCompleteIsNotTold() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RBX, ABSENT).movi(RSI, DATA).movi(RAX, 1);
    long at = asm.here();
    // push [rbx]; before it a load that goes through
    asm.hex("48 8b 0e").hex("ff 33").hlt();
    List<String> seen = seen(asm);
    assertThat(seen).doesNotContain("%#x, 2 bytes, ring 0".formatted(at + 3));
    assertThat(seen)
        .contains("EXCEPTION 14 error 0 address %#x from %#x".formatted(ABSENT, at + 3));
    assertThat(seen).filteredOn(line -> line.startsWith("system load")).isNotEmpty();
    assertThat(seen).filteredOn(line -> line.startsWith("system store")).hasSize(6);
    // The string instruction faults after some iterations.
    Asm rep = new Asm(BareGuest.CODE);
    rep.movi(RDI, ABSENT - 16).movi(RCX, 10).movi(RAX, 0);
    long stos = rep.here();
    rep.hex("f3 48 ab").hlt();
    assertThat(seen(rep)).filteredOn(line -> line.startsWith("%#x,".formatted(stos))).hasSize(2);
  }

  @Test
  void portsAndSoftwareInterruptsAreTold() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RDX, 0x70).movi(RAX, 0x1234).hex("ee").hex("ec").hex("cd 80").hlt();
    assertThat(seen(asm))
        .contains("port 0x70 1 0x34 true", "port 0x70 1 0x5a false", "SOFTWARE_INTERRUPT 128");
  }

  @Test
  void codeThatWritesItselfIsToldAsItWasExecuted() {
    Asm asm = new Asm(BareGuest.CODE);
    asm.movi(RCX, 3).movi(RAX, 0x90).label("loop");
    long at = asm.here();
    asm.movi(RBX, at + 20).store8(RBX, 0, RAX).nop().nop().nop().nop().nop().nop().nop().nop();
    asm.dec(RCX).jcc(NE, "loop").hlt();
    assertThat(seen(asm)).filteredOn(line -> line.startsWith("%#x,".formatted(at))).hasSize(3);
  }
}
