package dev.lockstep.ft.replica;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.time.VirtualClock;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The software CPU of one host, which can be made to do what no replica may: its machine's clock goes wrong, or RDTSC is not trapped and gives the host's counter.
 * All of it is the real one, with other values.
 */
final class FaultyEngine {
  /** More reads than any test lives to see. */
  static final int FOR_EVER = Integer.MAX_VALUE;

  private volatile @Nullable VirtualClock clock;
  private final AtomicInteger untrapped = new AtomicInteger();

  MachineFactory factory() {
    return new MachineFactory("soft", this::create);
  }

  private Vcpu create(
      CpuModel model, BranchSemantics semantics, GuestMemory memory, TimeStampCounter tsc) {
    clock = (VirtualClock) tsc;
    return SoftVcpu.create(model, memory, count -> read(tsc, count), semantics);
  }

  private long read(TimeStampCounter tsc, long branchCount) {
    long virtual = tsc.read(branchCount);
    boolean leaks = untrapped.getAndUpdate(left -> Math.max(left - 1, 0)) > 0;
    return leaks ? virtual + System.nanoTime() : virtual;
  }

  /** The next so many RDTSC give the host's counter. */
  void leaveUntrapped(int reads) {
    untrapped.set(reads);
  }

  /**
   * The clock of the machine that was made last goes wrong by so much, now, and no entry says so.
   *
   * @param machine that one
   */
  void skew(Machine machine, long nanos) throws ExecutionException, InterruptedException {
    machine.atBoundary(boundary -> skewed(boundary, nanos)).get();
  }

  private long skewed(Boundary boundary, long nanos) {
    VirtualClock real = clock;
    if (real == null) {
      throw new IllegalStateException("no machine was made");
    }
    real.adjust(boundary.moment().count(), nanos, real.pace());
    return nanos;
  }
}
