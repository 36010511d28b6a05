package dev.lockstep.counting;

import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.List;

/** Repeats a {@link Recording} on a modelled PMU by seeking from moment to moment, and holds every arrival against the truth. */
final class Replayer {
  private static final int MAX_RETRIES = 40;

  /** Bytes that the guest may write: tables, stacks, code, data. */
  private static final int WRITTEN = 0x12_0000;

  /** What came of it. */
  static final class Tally {
    int exact;
    int wrong;
    int absent;
    int refused;
    int overshot;
    long stops;
    int far;
    int farWithLongSkid;
    final List<String> complaints = new ArrayList<>();

    int failures() {
      return wrong + absent + refused;
    }

    private void complain(String text) {
      if (complaints.size() < 5) {
        complaints.add(text);
      }
    }
  }

  private final Recording recording;
  private final SeekGuest.Machine machine;
  private final ModelledPmu pmu;
  private final SkidPolicy policy;
  private final Tally tally;
  private final Answers answers = new Answers();
  private final CpuState state = new CpuState();
  private final boolean checkpoints;

  private final byte[] savedMemory = new byte[WRITTEN];
  private final CpuState savedState = new CpuState();
  private final Answers savedAnswers = new Answers();
  private long savedCount;
  private long savedInstructions;
  private int savedVector = -1;

  /** Instructions executed in vain before a checkpoint was restored. */
  private long vain;

  private Replayer(
      Recording recording,
      SeekGuest.Machine machine,
      ModelledPmu pmu,
      boolean checkpoints,
      Tally tally) {
    this.recording = recording;
    this.machine = machine;
    this.pmu = pmu;
    this.policy = SkidPolicy.of(pmu.limits());
    this.checkpoints = checkpoints;
    this.tally = tally;
  }

  /**
   * One replay.
   *
   * @param retries whether overshoots are to be expected, and recovered from
   * @return whether every moment was met
   */
  static boolean run(
      SeekGuest guest,
      Recording recording,
      BranchSemantics semantics,
      PmuFaults faults,
      CounterLimits limits,
      ExcessTable excess,
      boolean retries,
      Tally tally) {
    try (SeekGuest.Machine machine = guest.boot(semantics);
        ModelledPmu pmu = new ModelledPmu(machine.vcpu, machine::read, faults, limits, excess)) {
      return new Replayer(recording, machine, pmu, retries, tally).all();
    }
  }

  private boolean all() {
    save(-1);
    for (Recording.Moment moment : recording.moments()) {
      if (!meet(moment)) {
        return false;
      }
      if (moment.vector() >= 0) {
        pmu.injectInterrupt(moment.vector());
      }
      if (checkpoints) {
        save(moment.vector());
      }
    }
    Stop stop;
    while (true) {
      stop = pmu.midInstruction() ? pmu.step() : pmu.runFree(Long.MAX_VALUE);
      if (stop instanceof Stop.Exit(VcpuExit exit)) {
        if (exit == VcpuExit.Halt.HALT) {
          break;
        }
        answers.answer(exit);
      }
    }
    machine.vcpu.getState(state);
    if (state.digest() != recording.end()
        || machine.memoryHash() != recording.memory()
        || answers.hash() != recording.devices()) {
      tally.wrong++;
      tally.complain("the end differs");
    }
    return true;
  }

  private boolean meet(Recording.Moment moment) {
    for (int retry = 0; retry < MAX_RETRIES; retry++) {
      Seek seek = new Seek(pmu, moment.point(), policy);
      SeekResult result = seek.advance();
      while (result instanceof SeekResult.Exited(VcpuExit exit)) {
        if (exit == VcpuExit.Halt.HALT) {
          tally.absent++;
          tally.complain("ran to the end while seeking " + moment);
          return false;
        }
        answers.answer(exit);
        result = seek.advance();
      }
      tally.stops += seek.stops();
      tally.far += seek.farRuns() > 0 ? 1 : 0;
      tally.farWithLongSkid += seek.farRuns() > 0 && pmu.limits().skidBound() >= 1_000 ? 1 : 0;
      switch (result) {
        case SeekResult.Reached reached -> {
          return check(moment);
        }
        case SeekResult.Missed missed
            when missed.why() == SeekResult.Why.OVERSHOT && checkpoints -> {
          tally.overshot++;
          restore();
        }
        case SeekResult.Missed missed -> {
          tally.absent++;
          tally.complain(moment + ": " + missed);
          return false;
        }
        case SeekResult.Refused refused -> {
          tally.refused++;
          tally.complain(moment + ": " + refused);
          return false;
        }
        case SeekResult.Exited exited -> throw new AssertionError();
      }
    }
    tally.refused++;
    tally.complain(moment + ": overshot " + MAX_RETRIES + " times");
    return false;
  }

  private boolean check(Recording.Moment moment) {
    machine.vcpu.getState(state);
    long instructions = machine.vcpu.instructionsExecuted() - vain;
    if (instructions != moment.instructions() || state.digest() != moment.digest()) {
      tally.wrong++;
      tally.complain(
          "%s was met at instruction %d, digest %x"
              .formatted(moment, instructions, state.digest()));
      return false;
    }
    tally.exact++;
    return true;
  }

  private void save(int vector) {
    machine.guest.memory().read(0, savedMemory, 0, WRITTEN);
    machine.vcpu.getState(savedState);
    savedAnswers.set(answers);
    savedCount = machine.vcpu.branchCount();
    savedInstructions = machine.vcpu.instructionsExecuted() - vain;
    savedVector = vector;
  }

  private void restore() {
    machine.guest.memory().write(0, savedMemory, 0, WRITTEN);
    savedState.pendingInterrupt = -1;
    machine.vcpu.setState(savedState);
    answers.set(savedAnswers);
    vain = machine.vcpu.instructionsExecuted() - savedInstructions;
    pmu.restored(savedCount);
    if (savedVector >= 0) {
      pmu.injectInterrupt(savedVector);
    }
  }
}
