package dev.lockstep.kvmcpu.counted;

import dev.lockstep.counting.CountableVcpu;
import dev.lockstep.counting.CounterDevice;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.KickTimer;
import java.util.SplittableRandom;

/**
 * A counter that reads the guest's own count, less what the engine says that it has executed elsewhere, as a PMU would see it. Its overflows are a timer's: about when the count should be there, often early, and sometimes
 * too late.
 */
final class SelfCountingDevice implements CounterDevice {
  private final SelfCountingGuest program;
  private final CountableVcpu engine;
  private final GuestMemory memory;
  private final SplittableRandom random;
  private final KickTimer timer = new KickTimer();
  private final CpuState state = new CpuState();
  private double nanosPerBranch = 2_000;
  private long armedAt;
  private long armedNanos;

  SelfCountingDevice(
      SelfCountingGuest program,
      CountableVcpu engine,
      GuestMemory memory,
      SplittableRandom random) {
    this.program = program;
    this.engine = engine;
    this.memory = memory;
    this.random = random;
  }

  @Override
  public long read() {
    engine.getState(state);
    return program.count(state, memory) - engine.branchesElsewhere();
  }

  @Override
  public void arm(long events) {
    armedAt = read();
    armedNanos = System.nanoTime();
    double factor = random.nextInt(10) == 0 ? 1.4 : 0.3 + 0.7 * random.nextDouble();
    timer.set((long) Math.max(1_000, events * nanosPerBranch * factor));
  }

  @Override
  public void reopen(long events) {
    arm(events);
  }

  @Override
  public void disarm() {
    timer.set(0);
    long went = read() - armedAt;
    if (armedNanos != 0 && went > 20) {
      nanosPerBranch = (nanosPerBranch + (double) (System.nanoTime() - armedNanos) / went) / 2;
    }
    armedNanos = 0;
  }

  @Override
  public void close() {
    timer.close();
  }
}
