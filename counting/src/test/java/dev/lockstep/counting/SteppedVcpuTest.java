package dev.lockstep.counting;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The stepping counter as an engine: recorded by a free-running exact engine, met by steps. */
final class SteppedVcpuTest {
  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void everyMomentIsMetBySteps(BranchSemantics semantics) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.printf("stepped vcpu, %s: lockstep.seed=%d%n", semantics, seed);
    SplittableRandom random = new SplittableRandom(seed);
    int met = 0;
    for (int i = 0; i < 12; i++) {
      SeekGuest guest = SeekGuest.random(random.split(), 2);
      Recording recording = Recording.of(guest, semantics, random.split(), 100);
      met += replay(guest, recording, semantics);
    }
    assertThat(met).isGreaterThan(50);
  }

  private static int replay(SeekGuest guest, Recording recording, BranchSemantics semantics) {
    Answers answers = new Answers();
    CpuState state = new CpuState();
    int met = 0;
    try (SeekGuest.Machine machine = guest.boot(semantics)) {
      SteppedVcpu vcpu = new SteppedVcpu(machine.vcpu, machine.guest.memory(), semantics, 100_000);
      SkidPolicy policy = SkidPolicy.of(vcpu.limits());
      for (Recording.Moment moment : recording.moments()) {
        Seek seek = new Seek(vcpu, moment.point(), policy);
        SeekResult result = seek.advance();
        while (result instanceof SeekResult.Exited(VcpuExit exit)) {
          answers.answer(exit);
          result = seek.advance();
        }
        assertThat(result)
            .as("%s in %s", moment, guest.source)
            .isEqualTo(SeekResult.Reached.REACHED);
        machine.vcpu.getState(state);
        assertThat(machine.vcpu.instructionsExecuted()).isEqualTo(moment.instructions());
        assertThat(state.digest()).isEqualTo(moment.digest());
        met++;
        if (moment.vector() >= 0) {
          machine.vcpu.injectInterrupt(moment.vector());
        }
      }
    }
    return met;
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void everyBoundaryCountsAsOnTheExactEngine(BranchSemantics semantics) {
    // A halted CPU, refused and accepted MSRs, a page-crossing write to a device, NMI and
    // exception.
    SeekGuest guest =
        SeekGuest.of(
            """
            mov rbx, device
            mov [rbx + 4092], rax
            jmp a
            a:
            mov ecx, 0x40000200
            rdmsr
            rdmsr
            wrmsr
            mov ecx, 3
            b:
            jrcxz b
            rep outsb
            hlt
            jrcxz d
            d:
            hlt
            h6:
            iretq
            h14:
            add rsp, 8
            iretq
            """);
    try (SeekGuest.Machine machine = guest.boot(semantics)) {
      machine.guest.map(SeekGuest.DEVICE + 4096, SeekGuest.DEVICE + 4096, 7);
      machine.guest.gate(2, machine.at("h6"), 0);
      // A refused MSR access: #GP, which goes on behind the two-byte instruction.
      machine.guest.load(
          0x1f00,
          new byte[] {
            0x48, (byte) 0x83, (byte) 0xc4, 8, 0x48, (byte) 0x83, 4, 0x24, 2, 0x48, (byte) 0xcf
          });
      machine.guest.gate(13, 0x1f00, 0);
      SteppedVcpu vcpu = new SteppedVcpu(machine.vcpu, machine.guest.memory(), semantics, 10);
      int halts = 0;
      int msrs = 0;
      for (int i = 0; i < 400 && halts < 3; i++) {
        Stop stop = vcpu.step();
        ExecutionPoint truth = machine.vcpu.point();
        assertThat(vcpu.branchCount())
            .as("at %s after step %d", truth, i)
            .isEqualTo(truth.branchCount());
        assertThat(vcpu.point()).isEqualTo(truth);
        if (stop instanceof Stop.Exit(VcpuExit.MsrRead read) && msrs++ == 1) {
          read.complete(1);
        }
        if (stop instanceof Stop.Exit(VcpuExit exit) && exit == VcpuExit.Halt.HALT) {
          halts++;
          if (halts == 2) {
            machine.vcpu.injectNmi();
          }
        }
      }
      assertThat(halts).isEqualTo(3);
      assertThat(msrs).isEqualTo(2);
    }
  }
}
