package dev.lockstep.kvmcpu;

import dev.lockstep.counting.Stop;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.PointMark;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The guest in the kernel and the finisher: runs it from exit to exit, steps it, hands over what is queued, and always knows which of the two holds the state. How far it runs, and by what count, is {@link KvmVcpu}'s affair.
 */
final class KvmGuest implements AutoCloseable {
  private static final long EXIT_REASON = kvm_run.exit_reason$offset();
  private static final long READY = kvm_run.ready_for_interrupt_injection$offset();
  private static final long WINDOW = kvm_run.request_interrupt_window$offset();

  private final HostTraits traits;
  private final BranchSemantics semantics;
  private final KvmVm vm;
  private final KvmVcpuHandle vcpu;
  private final MemorySegment run;
  private final GuestMemory memory;
  private final KvmState state;
  private final KvmExits exits;
  private final Completion completion;
  private final NativeStep nativeStep;
  private final VcpuExit.Unsupported unsupported = new VcpuExit.Unsupported();
  private final CpuState crossing = new CpuState();
  private final QueuedEvents queued = new QueuedEvents();
  private final Finishing finishing;
  private final Owner owner = new Owner();
  private final Entries entries = new Entries();
  private final PointMark mark = new PointMark();
  private boolean halted;
  private boolean shutdown;
  private boolean windowWanted;

  /** {@code ready_for_interrupt_injection} is of the state as it is. */
  private boolean fresh;

  private long finished;
  private boolean closed;

  /** Why the last {@link #once} came back without an exit, if there is a reason that somebody may care for. */
  private Stop.@Nullable Paused paused;

  KvmGuest(
      Kvm kvm,
      HostTraits traits,
      CpuModel model,
      GuestMemory memory,
      BranchSemantics semantics,
      Finisher finisher) {
    this.traits = traits;
    this.semantics = semantics;
    this.memory = memory;
    this.vm = new KvmVm(kvm, model, memory, traits);
    this.vcpu = vm.vcpu();
    this.run = vcpu.runArea();
    this.state = vm.state();
    this.exits = vm.exits();
    this.completion = vm.completion();
    this.nativeStep = new NativeStep(vcpu, traits, vm.debug(), memory);
    CpuModel shown = traits.cpuidFiltered() ? model : KvmCpuid.withTimeStampCounter(model);
    TimeStampCounter tsc = count -> state.timeStampCounter();
    try {
      this.finishing =
          new Finishing(memory, traits, same -> finisher.create(shown, same, semantics, tsc));
    } catch (Throwable e) {
      try (vm) {
        throw e;
      }
    }
  }

  /** Whoever runs it from here on does so on this thread: its timer sends the signal that ends a run. */
  KickTimer begin() {
    KickTimer timer = owner.bind(vcpu);
    nativeStep.forget();
    vm.translations().use();
    return timer;
  }

  /** Stays in the guest. */
  Entries entries() {
    return entries;
  }

  /** Answers the last exit and hands over what was queued; an exit if one comes of that. */
  @Nullable VcpuExit resume() {
    if (finishing.active()) {
      return null;
    }
    if (completion.takeExit()) {
      VcpuExit exit = translate();
      if (exit != null) {
        return exit;
      }
    }
    VcpuExit item = answer();
    if (item != null) {
      return item;
    }
    if (queued.any()) {
      VcpuExit exit = settle();
      if (exit != null) {
        return exit;
      }
      deliverQueued();
    }
    return null;
  }

  private @Nullable VcpuExit answer() {
    if (!exits.answersPair()) {
      return exits.answer();
    }
    long high = exits.pairHigh();
    exits.answer();
    // RDX only after the IN: registers that are set before KVM's emulator completes it undo its
    // EAX.
    VcpuExit exit = settle();
    state.writeRdx(high);
    return exit;
  }

  /**
   * One KVM_RUN, or what stands in its place.
   *
   * @param slice branches that the finisher may go on by itself; 0 for single steps
   * @return null to go on; then {@link #paused} may say why it came back
   */
  @Nullable VcpuExit once(long slice) {
    paused = null;
    if (finishing.active()) {
      return runFinisher(slice);
    }
    if (windowWanted) {
      VcpuExit exit = settle();
      if (exit != null) {
        return exit;
      }
      if (interruptible()) {
        return kickedOr(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
      }
      if (!traits.irqWindowPrompt() && !halted && !shutdown) {
        enterFinisher();
        return null;
      }
    }
    if (halted || shutdown) {
      return kickedOr(shutdown ? VcpuExit.Shutdown.SHUTDOWN : VcpuExit.Halt.HALT);
    }
    run.set(ValueLayout.JAVA_BYTE, WINDOW, (byte) (windowWanted ? 1 : 0));
    vm.debug().running();
    long before = System.nanoTime();
    int result = vcpu.run();
    entries.cameBack(before);
    fresh = true;
    if (result == 0) {
      exits.completed();
      return translate();
    }
    exits.completed();
    if (result == -Errno.EAGAIN) {
      throw new IllegalStateException("KVM says that the vCPU is not runnable");
    }
    if (vcpu.takeKick()) {
      return VcpuExit.Kicked.KICKED;
    }
    paused = Stop.Paused.INTERRUPTED;
    return null;
  }

  /** Why the last {@link #once} came back without an exit: a signal that was no kick, or the breakpoint; null if for a reason of its own. */
  Stop.@Nullable Paused paused() {
    return paused;
  }

  /** The exit that {@code kvm_run} tells of; null for one that is none of the machine's business. */
  private @Nullable VcpuExit translate() {
    int reason = run.get(ValueLayout.JAVA_INT, EXIT_REASON);
    VcpuExit access = exits.access(reason);
    if (access != null) {
      return access;
    }
    if (reason == ExitReason.HLT) {
      halted = true;
      return VcpuExit.Halt.HALT;
    }
    if (reason == ExitReason.WINDOW) {
      return windowWanted && interruptible() ? VcpuExit.InterruptWindow.INTERRUPT_WINDOW : null;
    }
    if (reason == ExitReason.DEBUG) {
      paused = Stop.Paused.BREAKPOINT;
      return null;
    }
    if (reason == ExitReason.SHUTDOWN) {
      shutdown = true;
      return VcpuExit.Shutdown.SHUTDOWN;
    }
    if (reason == ExitReason.INTERNAL
        && kvm_run.internal.suberror(kvm_run.internal(run)) == ExitReason.EMULATION) {
      return finishInstruction();
    }
    state.get(crossing);
    return unsupported.set(crossing.rip, new byte[0], KvmHost.describe(run, crossing));
  }

  private VcpuExit kickedOr(VcpuExit exit) {
    if (vcpu.isKicked()) {
      vcpu.takeKick();
      return VcpuExit.Kicked.KICKED;
    }
    return exit;
  }

  /** Lets the finisher execute what KVM's emulator refused; null if that was all. */
  private @Nullable VcpuExit finishInstruction() {
    finished++;
    enterFinisher();
    VcpuExit exit = finishing.step(false);
    return exit == VcpuExit.Stepped.STEPPED ? null : exit;
  }

  private void enterFinisher() {
    nativeStep.forget();
    getState(crossing);
    if (!finishing.active()) {
      queued.clear();
      finishing.begin(crossing);
      fresh = false;
    }
  }

  /** Lets the finisher go on, and hands its state to the kernel as soon as that can go on; null unless there was an exit. */
  private @Nullable VcpuExit runFinisher(long slice) {
    if (windowWanted && finishing.vcpu().interruptible()) {
      return kickedOr(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    }
    long before = System.nanoTime();
    VcpuExit exit = finishing.advance(windowWanted, slice, vcpu, crossing);
    entries.worked(before);
    if (exit == null && !finishing.awaits(windowWanted, crossing)) {
      leaveFinisher(crossing);
    }
    return exit;
  }

  /** Hands a state, which is the finisher's, to the kernel. */
  private void leaveFinisher(CpuState from) {
    if (finishing.end()) {
      vm.translations().changed();
    }
    load(from);
  }

  private void load(CpuState from) {
    nativeStep.forget();
    state.set(from);
    vm.translations().forgetStale();
    halted = from.halted && !(from.nmiPending && !from.nmiBlocked) && from.pendingInterrupt < 0;
    shutdown = from.shutdown;
    fresh = false;
    if (from.pendingInterrupt >= 0 || from.pendingException >= 0) {
      entries.injected();
    }
  }

  /** Makes KVM complete a write or an answered read, so that the state is whole; an exit if the completion made one. */
  @Nullable VcpuExit settle() {
    if (exits.open() == KvmExits.Open.NONE) {
      return null;
    }
    fresh = true;
    return completion.complete() ? translate() : null;
  }

  /** Before the state is looked at: a write that KVM has still to complete, and the last step of a repeated store or OUTS, which executes nothing. */
  private void settleWrite() {
    if (completion.completeWrite()) {
      fresh = true;
      if (completion.isAtEndOfRepeat(crossing)) {
        enterFinisher();
        finishing.step(false);
      }
    }
  }

  /** Hands what was queued to the kernel, or to the finisher where the kernel cannot keep its order. */
  private void deliverQueued() {
    settleWrite();
    if (finishing.active()) {
      return;
    }
    state.getDeliverable(crossing);
    queued.addTo(crossing);
    if (finishing.needed(crossing)) {
      enterFinisher();
      return;
    }
    if (queued.deliver(vcpu, state)) {
      entries.injected();
    }
    fresh = false;
  }

  VcpuExit step() {
    owner.bind(vcpu);
    if (!finishing.active()) {
      if (completion.takeExit()) {
        VcpuExit exit = translate();
        if (exit != null) {
          return exit;
        }
      }
      if (exits.waiting()) {
        VcpuExit item = answer();
        if (item != null) {
          return item;
        }
        VcpuExit exit = settle();
        return exit != null ? exit : VcpuExit.Stepped.STEPPED;
      }
      if (queued.any() || !nativeStep.follow()) {
        getState(nativeStep.standing());
      }
      if (!finishing.active()) {
        if (nativeStep.suits() && stepNatively()) {
          return VcpuExit.Stepped.STEPPED;
        }
        enterFinisher();
      }
    } else if (handsBack()) {
      return VcpuExit.Stepped.STEPPED;
    }
    return finishing.step(windowWanted);
  }

  /** The finisher has the guest, at an instruction that is one for the processor, which steps it. */
  private boolean handsBack() {
    if (finishing.waits()) {
      return false;
    }
    getState(nativeStep.standing());
    if (!nativeStep.suits()) {
      return false;
    }
    leaveFinisher(nativeStep.standing());
    if (stepNatively()) {
      return true;
    }
    enterFinisher();
    return false;
  }

  private boolean stepNatively() {
    fresh = false;
    vm.translations().use();
    long before = System.nanoTime();
    NativeStep.Outcome outcome = nativeStep.step();
    entries.cameBack(before);
    if (outcome == NativeStep.Outcome.ASTRAY) {
      load(nativeStep.standing());
    }
    return outcome == NativeStep.Outcome.STEPPED;
  }

  void kick() {
    vcpu.kick();
    finishing.vcpu().kick();
  }

  /**
   * The point at which the vCPU stands.
   *
   * @param count what it shows as its count
   */
  ExecutionPoint point(long count) {
    markPoint(count, mark);
    return mark.toPoint();
  }

  /** The same, remembered. */
  void markPoint(long count, PointMark into) {
    settleWrite();
    if (finishing.active()) {
      finishing.vcpu().markPoint(into);
      into.set(count, into.rip(), into.rcx(), into.digest());
      return;
    }
    boolean digests = semantics == BranchSemantics.CONDITIONAL;
    if (nativeStep.follow()) {
      CpuState s = nativeStep.standing();
      into.set(count, s.rip, s.gpr[1], digests ? RegisterDigest.of(s.gpr, s.rflags) : 0);
      return;
    }
    state.readRegs();
    into.set(count, state.rip(), state.rcx(), digests ? state.registerDigest(crossing) : 0);
  }

  /** Whether the vCPU stands on an instruction that waits for an answer, or that has more exits to hand out. */
  boolean midInstruction() {
    settleWrite();
    return finishing.active()
        ? finishing.waits()
        : exits.waiting() || exits.hasMoreItems() || completion.hasExit();
  }

  /** Whether the next that happens is the delivery of an event. */
  boolean hasEvent() {
    if (finishing.active()) {
      finishing.vcpu().getState(crossing);
      return crossing.deliversEvent();
    }
    if (queued.delivers()) {
      return true;
    }
    if (nativeStep.follows() && !queued.any()) {
      return false;
    }
    state.readEvents();
    return state.delivering() || state.nmiPending() && !state.nmiBlocked();
  }

  /** Branches that the finisher has counted. */
  long finisherBranches() {
    return finishing.vcpu().branchCount();
  }

  /** Whether the finisher has the guest and stands there. */
  boolean finisherStandsAt(long rip) {
    return finishing.active() && !finishing.waits() && finishing.vcpu().point().rip() == rip;
  }

  /** Makes runs in the kernel stop before an instruction; false if this host cannot. */
  boolean setBreakpoint(long rip) {
    getState(crossing);
    return vm.debug().breakAt(crossing, rip);
  }

  void clearBreakpoint() {
    vm.debug().clear();
  }

  /** Instructions that the finisher executed. */
  long instructionsExecuted() {
    return finishing.vcpu().instructionsExecuted();
  }

  /** Instructions that KVM's emulator refused and the finisher executed. */
  long instructionsFinished() {
    return finished;
  }

  /** Instructions that the processor itself has stepped. */
  long instructionsStepped() {
    return nativeStep.steps();
  }

  void getState(CpuState into) {
    if (finishing.active()) {
      finishing.vcpu().getState(into);
      return;
    }
    settleWrite();
    if (finishing.active()) {
      finishing.vcpu().getState(into);
      return;
    }
    if (!queued.any() && nativeStep.follow()) {
      into.set(nativeStep.standing());
      return;
    }
    state.get(into);
    into.rip += exits.ripAhead();
    into.halted = halted;
    into.shutdown = shutdown;
    queued.addTo(into);
  }

  void setState(CpuState from) {
    if (!finishing.active()) {
      completion.drop(crossing);
    }
    queued.clear();
    vm.translations().changed();
    if (finishing.needed(from)) {
      finishing.begin(from);
    } else {
      load(from);
      finishing.end();
    }
  }

  boolean interruptible() {
    if (finishing.active()) {
      return finishing.vcpu().interruptible();
    }
    if (queued.delivers() || exits.waiting()) {
      return false;
    }
    if (fresh && run.get(ValueLayout.JAVA_BYTE, READY) != 0) {
      return true;
    }
    settleWrite();
    if (finishing.active()) {
      return finishing.vcpu().interruptible();
    }
    state.readRegs();
    state.readEvents();
    return state.interruptFlag() && !state.shadowed() && !state.delivering();
  }

  void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  void injectInterrupt(int vector) {
    if (vector < 0 || vector > 255) {
      throw new IllegalArgumentException("interrupt vector " + vector + " is not in 0..255");
    }
    if (!interruptible()) {
      throw new IllegalStateException(
          "vector %#x was injected at %s, where the vCPU is not interruptible"
              .formatted(vector, point(0)));
    }
    if (finishing.active()) {
      finishing.vcpu().injectInterrupt(vector);
      return;
    }
    halted = false;
    queued.interrupt(vector);
  }

  void injectNmi() {
    if (finishing.active()) {
      finishing.vcpu().injectNmi();
      return;
    }
    nativeStep.forget();
    state.readEvents();
    if (!state.nmiPending()) {
      vcpu.nmi();
      queued.nmi();
    }
    if (!state.nmiBlocked()) {
      halted = false;
    }
    fresh = false;
  }

  void injectException(int vector, int errorCode) {
    if (vector < 0 || vector > 31) {
      throw new IllegalArgumentException("exception vector " + vector + " is not in 0..31");
    }
    if (finishing.active()) {
      finishing.vcpu().injectException(vector, errorCode);
      return;
    }
    halted = false;
    queued.exception(vector, errorCode);
  }

  void collectDirty() {
    vm.dirty().collect();
    finishing.collectDirty();
  }

  void release() {
    owner.release(vcpu);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try (vm;
        finishing;
        owner) {}
  }
}
