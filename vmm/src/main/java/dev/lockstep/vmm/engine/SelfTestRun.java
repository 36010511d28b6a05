package dev.lockstep.vmm.engine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** One execution of {@link SelfTestGuest}, on one engine or on two by turns. */
final class SelfTestRun {
  /** How far an engine goes at a time, in its own unit of work: nanoseconds on kvm, branches on soft. */
  private static final long SLICE = 100_000;

  /**
   * What came of it.
   *
   * @param name which run it was
   * @param said the guest's results, in order
   * @param data its memory's hash
   * @param moves how often the state went from one engine to the other
   * @param problem why it did not come to its end; empty if it did
   */
  record Result(String name, List<Integer> said, long data, int moves, String problem) {
    /** What is not as in another run; empty for nothing. */
    String differenceFrom(Result other) {
      if (!problem.isEmpty()) {
        return "on %s %s, after result %d of %d; "
            .formatted(name, problem, said.size(), other.said.size());
      }
      for (int i = 0; i < other.said.size(); i++) {
        if (i >= said.size() || !said.get(i).equals(other.said.get(i))) {
          return "on %s result %d differs; ".formatted(name, i + 1);
        }
      }
      return data == other.data ? "" : "on %s memory differs; ".formatted(name);
    }
  }

  private final GuestMemory memory;
  private final @Nullable Vcpu second;
  private final long deadline;
  private final List<Integer> said = new ArrayList<>();
  private final CpuState state = new CpuState();
  private Vcpu now;
  private Vcpu other;
  private boolean interruptWanted;
  private boolean ended;
  private int moves;
  private String problem = "";

  private SelfTestRun(GuestMemory memory, Vcpu first, @Nullable Vcpu second, long limitNanos) {
    this.memory = memory;
    this.second = second;
    this.now = first;
    this.other = second == null ? first : second;
    this.deadline = System.nanoTime() + limitNanos;
  }

  /** On one engine. */
  static Result alone(String name, Function<GuestMemory, Vcpu> engine, long limitNanos) {
    try (Arena arena = Arena.ofShared()) {
      GuestMemory memory = SelfTestGuest.memory(arena);
      try (Vcpu vcpu = engine.apply(memory)) {
        return new SelfTestRun(memory, vcpu, null, limitNanos).run(name);
      }
    }
  }

  /** On two engines by turns: the state moves at every result and every slice. */
  static Result moving(
      String name,
      Function<GuestMemory, Vcpu> first,
      Function<GuestMemory, Vcpu> second,
      long limitNanos) {
    try (Arena arena = Arena.ofShared()) {
      GuestMemory memory = SelfTestGuest.memory(arena);
      try (Vcpu one = first.apply(memory);
          Vcpu two = second.apply(memory)) {
        return new SelfTestRun(memory, one, two, limitNanos).run(name);
      }
    }
  }

  private Result run(String name) {
    now.setState(SelfTestGuest.start());
    while (!ended && problem.isEmpty()) {
      now.requestInterruptWindow(interruptWanted);
      step(now.run(now.branchCount() + SLICE));
      if (System.nanoTime() - deadline > 0 && !ended && problem.isEmpty()) {
        problem = "it takes too long";
      }
    }
    return new Result(name, List.copyOf(said), hash(), moves, problem);
  }

  private void step(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortWrite it -> {
        switch (it.port()) {
          case SelfTestGuest.RESULT_PORT -> said.add(it.value());
          case SelfTestGuest.INTERRUPT_PORT -> interruptWanted = true;
          case SelfTestGuest.END_PORT -> ended = true;
          default -> problem = "the guest writes to port %#x".formatted(it.port());
        }
        move();
      }
      case VcpuExit.Deadline _ -> move();
      case VcpuExit.InterruptWindow _, VcpuExit.Halt _ -> interrupt();
      case VcpuExit.Kicked _ -> {
        // Nobody kicks; an echo is harmless.
      }
      case VcpuExit.Shutdown _ -> problem = "the guest ends in a triple fault";
      case VcpuExit.Unsupported it -> problem = "the engine cannot go on (" + it.what() + ")";
      case VcpuExit.PortRead _,
          VcpuExit.MmioRead _,
          VcpuExit.MmioWrite _,
          VcpuExit.MsrRead _,
          VcpuExit.MsrWrite _,
          VcpuExit.PointReached _,
          VcpuExit.PointMissed _,
          VcpuExit.Stepped _ ->
          problem =
              "there is an exit that the guest does not ask for: "
                  + exit.getClass().getSimpleName();
    }
  }

  private void interrupt() {
    if (interruptWanted && now.interruptible()) {
      now.injectInterrupt(SelfTestGuest.INTERRUPT_VECTOR);
      interruptWanted = false;
    } else {
      problem = "the guest sleeps for ever";
    }
  }

  private void move() {
    if (second == null) {
      return;
    }
    now.getState(state);
    // What one engine wrote, the other's caches have not seen.
    memory.changedUnseen();
    other.setState(state);
    Vcpu from = now;
    now = other;
    other = from;
    moves++;
  }

  private long hash() {
    long hash = 0;
    for (long at = 0; at < SelfTestGuest.DATA_BYTES; at += Long.BYTES) {
      hash = (hash ^ memory.read64(SelfTestGuest.DATA + at)) * 0x9e37_79b9_7f4a_7c15L;
      hash ^= hash >>> 29;
    }
    return hash;
  }
}
