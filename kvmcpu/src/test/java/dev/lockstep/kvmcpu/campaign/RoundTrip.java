package dev.lockstep.kvmcpu.campaign;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** One execution of a {@link MovingGuest}: on one vCPU, or on two between which its state moves at random moments, with interrupts at random moments. */
final class RoundTrip {
  /**
   * What came of it.
   *
   * @param state the registers at the end
   * @param memory hash of its memory
   * @param devices hash of what it told its devices
   */
  record Outcome(CpuState state, long memory, long devices) {
    /** In what two outcomes differ, in words; empty for nothing. */
    String differenceFrom(Outcome other) {
      StringBuilder text = new StringBuilder();
      if (memory != other.memory) {
        text.append("memory ");
      }
      if (devices != other.devices) {
        text.append("devices ");
      }
      if (state.digest() != other.state.digest()) {
        text.append("registers: ").append(differences(state, other.state));
      }
      return text.toString();
    }

    private static String differences(CpuState a, CpuState b) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < a.gpr.length; i++) {
        differ(text, "r" + i, a.gpr[i], b.gpr[i]);
      }
      differ(text, "rip", a.rip, b.rip);
      differ(text, "rflags", a.rflags, b.rflags);
      for (int i = 0; i < a.segments.length; i++) {
        if (!a.segments[i].toString().equals(b.segments[i].toString())) {
          text.append(" segment ").append(i).append(": ").append(a.segments[i]);
          text.append(" for ").append(b.segments[i]);
        }
      }
      differ(text, "cr0", a.cr0, b.cr0);
      differ(text, "cr2", a.cr2, b.cr2);
      differ(text, "cr4", a.cr4, b.cr4);
      differ(text, "efer", a.efer, b.efer);
      differ(text, "dr6", a.dr6, b.dr6);
      for (int i = 0; i < a.fxsave.length; i++) {
        differ(text, "fxsave[" + i + "]", a.fxsave[i], b.fxsave[i]);
      }
      return text.toString();
    }

    private static void differ(StringBuilder text, String what, long a, long b) {
      if (a != b) {
        text.append(" %s %x for %x".formatted(what, a, b));
      }
    }
  }

  /** How long an execution may take, however loaded the host is. */
  private static final long LIMIT_NANOS = 120_000_000_000L;

  private final MovingGuest guest;
  private final Random random;
  private final CpuState state = new CpuState();
  private final long started = System.nanoTime();
  private volatile Vcpu now;
  private GuestMemory nowMemory;
  private @Nullable Vcpu other;
  private @Nullable GuestMemory otherMemory;
  private boolean tickWanted;
  private volatile boolean ended;
  private long devices;
  private int moves;
  private long ticks;

  private RoundTrip(MovingGuest guest, GuestMemory memory, Vcpu vcpu, Random random) {
    this.guest = guest;
    this.nowMemory = memory;
    this.now = vcpu;
    this.random = random;
  }

  /** On the software CPU, undisturbed. */
  static Outcome alone(Engines engines, long seed) {
    try (MovingGuest guest = new MovingGuest(seed);
        Vcpu soft = engines.soft(guest.memory())) {
      return new RoundTrip(guest, guest.memory(), soft, new Random(seed)).run();
    }
  }

  /**
   * What a moving execution did.
   *
   * @param outcome what came of it
   * @param moves how often the state went from one engine to the other
   * @param ticks how many interrupts it took
   */
  record Moved(Outcome outcome, int moves, long ticks) {}

  /** From kvm to soft and back, all the while. */
  static Moved moving(Engines engines, long seed) {
    try (MovingGuest guest = new MovingGuest(seed)) {
      GuestMemory second = guest.view();
      try (Vcpu kvm = engines.kvm(guest.memory());
          Vcpu soft = engines.soft(second)) {
        RoundTrip trip = new RoundTrip(guest, guest.memory(), kvm, new Random(seed));
        trip.other = soft;
        trip.otherMemory = second;
        Thread kicker = Thread.ofPlatform().name("kicker").start(trip::kick);
        try {
          return new Moved(trip.run(), trip.moves, trip.ticks);
        } finally {
          trip.ended = true;
          LockSupport.unpark(kicker);
          joined(kicker);
        }
      }
    }
  }

  private static void joined(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException("the kicker was not awaited", e);
    }
  }

  /** Kicks whichever vCPU runs, at moments that no seed repeats. */
  private void kick() {
    while (!ended) {
      now.kick();
      LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(20_000, 2_000_000));
    }
  }

  private Outcome run() {
    now.setState(guest.start());
    while (!ended) {
      now.requestInterruptWindow(tickWanted);
      VcpuExit exit =
          other != null && random.nextInt(8) == 0
              ? now.step()
              : now.run(other == null ? Long.MAX_VALUE : now.branchCount() + slice());
      serve(exit);
      if (other != null && !ended) {
        disturb();
      }
      if (System.nanoTime() - started > LIMIT_NANOS) {
        now.getState(state);
        throw new AssertionError("no end after %,d moves, at %#x".formatted(moves, state.rip));
      }
    }
    now.getState(state);
    if (guest.ticks() != ticks) {
      throw new AssertionError(
          "%d interrupts arrived, %d were injected".formatted(guest.ticks(), ticks));
    }
    return new Outcome(MovingGuest.comparable(state), guest.hash(), devices);
  }

  /** In the engine's own unit: branches, or time in the guest. */
  private long slice() {
    return 1 + (random.nextBoolean() ? random.nextInt(30) : random.nextInt(3000));
  }

  private void serve(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortWrite it -> devices = (devices + it.value() + 1) * 1_000_003;
      case VcpuExit.MmioWrite it -> devices = (devices + it.value() + it.address()) * 1_000_003;
      // What is answered depends on writes alone: a read that was left is asked again.
      case VcpuExit.PortRead it -> it.complete((int) (devices >>> 13));
      case VcpuExit.MmioRead it -> it.complete(devices * 31 + it.address());
      case VcpuExit.Halt it -> ended = true;
      case VcpuExit.InterruptWindow it -> tick();
      case VcpuExit.Deadline it -> {}
      case VcpuExit.Kicked it -> {}
      case VcpuExit.Stepped it -> {}
      case VcpuExit.Unsupported it -> throw new AssertionError("cannot go on: " + it.what());
      case VcpuExit.Shutdown it -> throw new AssertionError("triple fault");
      case VcpuExit.MsrRead _,
          VcpuExit.MsrWrite _,
          VcpuExit.PointReached _,
          VcpuExit.PointMissed _ ->
          throw new AssertionError("an exit that nobody asked for: " + exit);
    }
  }

  private void disturb() {
    switch (random.nextInt(6)) {
      case 0, 1, 2 -> move();
      case 3 -> tickWanted = true;
      case 4 -> {
        if (now.interruptible()) {
          tick();
        }
      }
      default -> {}
    }
  }

  private void tick() {
    now.injectInterrupt(MovingGuest.INTERRUPT);
    ticks++;
    tickWanted = false;
  }

  private void move() {
    Vcpu to = other;
    GuestMemory toMemory = otherMemory;
    if (to == null || toMemory == null) {
      throw new IllegalStateException("there is one vCPU");
    }
    now.getState(state);
    // What one engine wrote, the other's caches have not seen.
    toMemory.changedUnseen();
    to.setState(state);
    other = now;
    otherMemory = nowMemory;
    now = to;
    nowMemory = toMemory;
    moves++;
  }
}
