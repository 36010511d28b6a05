package dev.lockstep.kvmcpu.counted;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCountedVcpu;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Moments of guests that count their own branches, named on the software CPU, are come to again on KVM: by the same code that a PMU will drive, with a timer for its overflows. Interrupts are injected at some; in the end
 * memory and registers must be the same.
 */
final class SelfCountedTest {
  private static final CounterLimits LIMITS = new CounterLimits(40, 1, false);
  private static final int MAX_ATTEMPTS = 40;
  private static final long[] SAMPLE_SEEDS = {1, 2, 3, 4, 5, 6, 7, 8};
  private static final int WHOLE = 400;

  /** What was done at a moment. */
  private record Step(ExecutionPoint at, int vector) {}

  /** How a guest ends. */
  private record End(long state, long memory) {}

  private long met;
  private long tried;

  @Test
  void sample() {
    for (long seed : SAMPLE_SEEDS) {
      check(seed);
    }
    tell("sample");
  }

  @Test
  @Tag("long")
  void whole() {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("self-counted guests: lockstep.seed=" + seed);
    for (int i = 0; i < WHOLE; i++) {
      check(seed + i);
    }
    tell("whole");
  }

  private void tell(String name) {
    System.out.printf(
        "campaign kvm by self-counting guests, %s: %,d moments met, %,d times after an overshoot%n",
        name, met, tried);
  }

  private void check(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    SelfCountingGuest program = new SelfCountingGuest(random);
    List<Step> steps = new ArrayList<>();
    End recorded = record(program, random, steps);
    End replayed = replay(program, random, steps, "seed " + seed);
    assertThat(replayed).as("seed %d", seed).isEqualTo(recorded);
  }

  private static End record(SelfCountingGuest program, SplittableRandom random, List<Step> steps) {
    try (BareGuest guest = program.boot();
        Vcpu soft =
            SoftVcpu.create(
                CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.CONDITIONAL)) {
      soft.setState(program.start(guest));
      CpuState state = new CpuState();
      while (true) {
        long next = soft.branchCount() + 1 + random.nextInt(random.nextInt(3) == 0 ? 20 : 4_000);
        VcpuExit exit = soft.run(next);
        if (exit instanceof VcpuExit.Halt) {
          return end(soft, guest);
        }
        answer(exit);
        if (exit instanceof VcpuExit.Deadline) {
          soft.getState(state);
          assertThat(program.count(state, guest.memory())).isEqualTo(soft.branchCount());
          int vector = 0;
          ExecutionPoint at = soft.point();
          if (soft.interruptible() && random.nextBoolean()) {
            vector =
                random.nextBoolean()
                    ? SelfCountingGuest.VECTOR
                    : SelfCountingGuest.BRANCHING_VECTOR;
            soft.injectInterrupt(vector);
          }
          steps.add(new Step(at, vector));
        }
      }
    }
  }

  private End replay(
      SelfCountingGuest program, SplittableRandom random, List<Step> steps, String seed) {
    try (BareGuest guest = program.boot();
        KvmVcpu kvm = CountedEngines.kvm(guest.memory());
        HardwareCountedVcpu vcpu =
            new HardwareCountedVcpu(
                kvm,
                () ->
                    new HardwareCounter(
                        new SelfCountingDevice(program, kvm, guest.memory(), random),
                        BranchSemantics.CONDITIONAL,
                        LIMITS,
                        ExcessTable.NONE))) {
      vcpu.setState(program.start(guest));
      vcpu.setBranchCount(0);
      for (Step step : steps) {
        come(vcpu, guest, step, random.nextInt(3) == 0, seed);
        if (step.vector() != 0) {
          assertThat(vcpu.interruptible()).as("%s, %s", seed, step).isTrue();
          vcpu.injectInterrupt(step.vector());
        }
      }
      VcpuExit exit = vcpu.run(Long.MAX_VALUE);
      while (!(exit instanceof VcpuExit.Halt)) {
        answer(exit);
        exit = vcpu.run(Long.MAX_VALUE);
      }
      return end(vcpu, guest);
    }
  }

  /** Goes to a moment, from a checkpoint again if it was missed by an overshoot. */
  private void come(
      HardwareCountedVcpu vcpu, BareGuest guest, Step step, boolean byDeadline, String seed) {
    CpuState before = new CpuState();
    vcpu.getState(before);
    long count = vcpu.branchCount();
    byte[] memory = memory(guest);
    for (int attempt = 1; ; attempt++) {
      long overshoots = vcpu.overshoots();
      VcpuExit exit = go(vcpu, step, byDeadline);
      // An exit behind the moment is a future's that will be undone.
      while (vcpu.overshoots() == overshoots
          && !(exit instanceof VcpuExit.Deadline || exit instanceof VcpuExit.PointReached)
          && !(exit instanceof VcpuExit.PointMissed)) {
        assertThat(exit).as(seed).isNotInstanceOf(VcpuExit.Halt.class);
        answer(exit);
        exit = go(vcpu, step, byDeadline);
      }
      if (vcpu.overshoots() == overshoots) {
        assertThat(exit).as("%s to %s", seed, step).isNotInstanceOf(VcpuExit.PointMissed.class);
        assertThat(vcpu.point()).as("%s, attempt %d", seed, attempt).isEqualTo(step.at());
        met++;
        return;
      }
      assertThat(attempt).as("%s to %s", seed, step).isLessThan(MAX_ATTEMPTS);
      tried++;
      guest.memory().write(0, memory, 0, memory.length);
      vcpu.setState(before);
      vcpu.setBranchCount(count);
    }
  }

  private static VcpuExit go(Vcpu vcpu, Step step, boolean byDeadline) {
    return byDeadline ? vcpu.run(step.at().branchCount()) : vcpu.runTo(step.at());
  }

  private static void answer(VcpuExit exit) {
    if (exit instanceof VcpuExit.PortRead read) {
      read.complete(0x5a);
    }
  }

  private static byte[] memory(BareGuest guest) {
    byte[] bytes = new byte[(int) BareGuest.LOW_MEMORY];
    guest.memory().read(0, bytes, 0, bytes.length);
    return bytes;
  }

  private static End end(Vcpu vcpu, BareGuest guest) {
    CpuState state = new CpuState();
    vcpu.getState(state);
    // Whether CR2, accessed bits of descriptors and undefined flags are the same is the contract's
    // to prove.
    CRC32C crc = new CRC32C();
    byte[] bytes = memory(guest);
    crc.update(bytes, (int) SelfCountingGuest.DATA, 0x1000);
    return new End(
        dev.lockstep.engine.RegisterDigest.of(state.gpr, state.rflags) + state.rip, crc.getValue());
  }
}
