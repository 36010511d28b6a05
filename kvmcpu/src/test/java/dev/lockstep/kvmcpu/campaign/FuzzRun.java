package dev.lockstep.kvmcpu.campaign;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.campaign.FuzzCase.Action;
import dev.lockstep.kvmcpu.campaign.FuzzCase.Patch;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Does a {@link FuzzCase}. It may end in a refusal, which says what is refused and what to do; anything else that is thrown is a defect. */
final class FuzzRun implements AutoCloseable {
  /** What cases came to. */
  enum Outcome {
    /** All actions were done. */
    DONE,
    /** The engine said by an exit that it cannot go on. */
    UNSUPPORTED,
    /** A call was refused, in words. */
    REFUSED
  }

  private final Engines engines;
  private final ScheduledExecutorService kicks;
  private final Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);

  FuzzRun(Engines engines, ScheduledExecutorService kicks) {
    this.engines = engines;
    this.kicks = kicks;
  }

  /** How many cases came to what. */
  Map<Outcome, Integer> outcomes() {
    return outcomes;
  }

  /**
   * Does a case, in a machine of its own that is closed afterwards.
   *
   * @throws AssertionError if it does what an engine must not
   */
  void run(FuzzCase it) {
    Outcome outcome = Outcome.DONE;
    try (BareGuest guest = new BareGuest()) {
      for (Patch patch : it.patches()) {
        guest.load(patch.address(), patch.bytes());
      }
      try (KvmVcpu vcpu = engines.kvm(guest.memory())) {
        outcome = attempt(() -> vcpu.setState(it.start()), Outcome.DONE);
        for (Action action : it.actions()) {
          Outcome one = act(guest, vcpu, it, action);
          outcome = one == Outcome.DONE ? outcome : one;
        }
      }
    }
    outcomes.merge(outcome, 1, Integer::sum);
  }

  private Outcome act(BareGuest guest, KvmVcpu vcpu, FuzzCase it, Action action) {
    return switch (action.kind()) {
      case RUN -> answered(action, () -> vcpu.run(vcpu.branchCount() + action.a()));
      case STEP -> answered(action, vcpu::step);
      case KICK -> attempt(vcpu::kick, Outcome.DONE);
      case KICK_LATER -> {
        kicks.schedule(vcpu::kick, action.a(), TimeUnit.NANOSECONDS);
        yield Outcome.DONE;
      }
      case INTERRUPT -> attempt(() -> interrupt(vcpu, (int) action.a()), Outcome.DONE);
      case NMI -> attempt(vcpu::injectNmi, Outcome.DONE);
      case EXCEPTION ->
          attempt(() -> vcpu.injectException((int) action.a(), (int) action.b()), Outcome.DONE);
      case WINDOW -> attempt(() -> vcpu.requestInterruptWindow(action.a() != 0), Outcome.DONE);
      case MUTATE ->
          attempt(
              () -> {
                CpuState state = new CpuState();
                vcpu.getState(state);
                FuzzMaker.mutate(state, (int) action.a(), action.b());
                vcpu.setState(state);
              },
              Outcome.DONE);
      case RESTART -> attempt(() -> vcpu.setState(it.start()), Outcome.DONE);
      case WRITE -> attempt(() -> guest.memory().write64(action.a(), action.b()), Outcome.DONE);
      case DIRTY ->
          attempt(
              () -> {
                vcpu.collectDirty();
                guest.memory().harvestDirty(page -> {});
              },
              Outcome.DONE);
      case LOOK ->
          attempt(
              () -> {
                vcpu.getState(new CpuState());
                vcpu.point();
                vcpu.interruptible();
              },
              Outcome.DONE);
    };
  }

  private static void interrupt(KvmVcpu vcpu, int vector) {
    if (vcpu.interruptible()) {
      vcpu.injectInterrupt(vector);
    }
  }

  /** A call that may be refused in words. */
  private static Outcome attempt(Runnable call, Outcome well) {
    try {
      call.run();
      return well;
    } catch (VmmException e) {
      return refused(e, e.advice());
    } catch (KvmException e) {
      return refused(e, e.advice());
    }
  }

  private static Outcome refused(RuntimeException e, String advice) {
    String message = e.getMessage();
    if (message == null || message.isBlank() || advice.isBlank()) {
      throw new AssertionError("a refusal without words", e);
    }
    return Outcome.REFUSED;
  }

  /** Something that runs the guest, and an answer to what it asks. */
  private static Outcome answered(Action action, java.util.function.Supplier<VcpuExit> run) {
    VcpuExit[] exit = new VcpuExit[1];
    Outcome outcome = attempt(() -> exit[0] = run.get(), Outcome.DONE);
    long value = action.b() * 0x9e37_79b9_7f4a_7c15L;
    return switch (exit[0]) {
      case null -> outcome;
      case VcpuExit.PortRead it -> {
        width(it.width(), 4);
        if (value < 0) {
          it.complete((int) value);
        } else if ((value & 1) != 0) {
          it.completePair((int) value, (int) (value >>> 32));
        }
        yield Outcome.DONE;
      }
      case VcpuExit.PortWrite it -> width(it.width(), 4);
      case VcpuExit.MmioRead it -> {
        it.complete(value);
        yield width(it.width(), 8);
      }
      case VcpuExit.MmioWrite it -> width(it.width(), 8);
      case VcpuExit.MsrRead it -> {
        if (value < 0) {
          it.complete(value);
        }
        yield Outcome.DONE;
      }
      case VcpuExit.MsrWrite it -> {
        if (value < 0) {
          it.accept();
        }
        yield Outcome.DONE;
      }
      case VcpuExit.Unsupported it -> {
        if (it.what().isBlank()) {
          throw new AssertionError("an exit that ends the machine without words");
        }
        yield Outcome.UNSUPPORTED;
      }
      case VcpuExit.Halt _,
          VcpuExit.Shutdown _,
          VcpuExit.Deadline _,
          VcpuExit.Kicked _,
          VcpuExit.InterruptWindow _,
          VcpuExit.Stepped _ ->
          Outcome.DONE;
      case VcpuExit.PointReached _, VcpuExit.PointMissed _ ->
          throw new AssertionError("no point was asked for");
    };
  }

  private static Outcome width(int width, int most) {
    if (width < 1 || width > most) {
      throw new AssertionError("an access of " + width + " bytes");
    }
    return Outcome.DONE;
  }

  @Override
  public void close() {
    kicks.shutdown();
  }
}
