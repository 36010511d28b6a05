package dev.lockstep.kvmcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU of the kernel, in a VM of its own. How it keeps the contract is told in the package's documentation; what it cannot keep without a counter is there too: {@link #branchCount} is a measure of
 * work, {@link #runTo} is refused.
 */
public final class KvmVcpu implements Vcpu {
  private static final long EXIT_REASON = kvm_run.exit_reason$offset();
  private static final long READY = kvm_run.ready_for_interrupt_injection$offset();
  private static final long WINDOW = kvm_run.request_interrupt_window$offset();

  private final HostTraits traits;
  private final long unitNanos;
  private final CpuModel model;
  private final BranchSemantics semantics;
  private final KvmVm vm;
  private final KvmVcpuHandle vcpu;
  private final MemorySegment run;
  private final Arena arena = Arena.ofShared();
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
  private boolean halted;
  private boolean shutdown;
  private boolean windowWanted;

  /** {@code ready_for_interrupt_injection} is of the state as it is. */
  private boolean fresh;

  /** Nanoseconds in the guest. */
  private long work;

  private long finished;
  private boolean closed;

  private KvmVcpu(
      Kvm kvm,
      HostTraits traits,
      CpuModel model,
      GuestMemory memory,
      BranchSemantics semantics,
      Finisher finisher) {
    this.traits = traits;
    this.unitNanos = KvmHost.unitNanos(traits);
    this.model = model;
    this.semantics = semantics;
    this.memory = memory;
    this.vm = new KvmVm(kvm, model, memory, traits);
    try {
      this.vcpu = vm.vcpu();
      this.run = vcpu.runArea();
      this.state = new KvmState(vcpu, arena);
      this.exits = new KvmExits(run);
      this.completion = new Completion(vcpu, exits, state, memory);
      this.nativeStep = new NativeStep(vcpu, traits, memory, arena);
      CpuModel shown = traits.cpuidFiltered() ? model : KvmCpuid.withTimeStampCounter(model);
      TimeStampCounter tsc = count -> state.timeStampCounter();
      this.finishing =
          new Finishing(memory, traits, same -> finisher.create(shown, same, semantics, tsc));
    } catch (Throwable e) {
      try (arena;
          vm) {
        throw e;
      }
    }
  }

  /**
   * Makes a VM with one vCPU over that memory.
   *
   * @param kvm the device; may be closed afterwards
   * @param traits what was found on this host
   * @param memory page-aligned on the host; every region becomes a slot
   * @throws VmmException if this host's KVM lacks a capability (named) or cannot give the model (features named), or refuses the memory
   */
  public static KvmVcpu create(
      Kvm kvm,
      HostTraits traits,
      CpuModel model,
      GuestMemory memory,
      BranchSemantics semantics,
      Finisher finisher) {
    try {
      KvmHost.require(kvm::has);
      KvmCpuid.require(model, kvm.supportedCpuid());
      return new KvmVcpu(kvm, traits, model, memory, semantics, finisher);
    } catch (KvmException e) {
      throw new VmmException("KVM: " + e.getMessage(), e.advice(), e);
    }
  }

  @Override
  public CpuModel model() {
    return model;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return semantics;
  }

  @Override
  public VcpuExit run(long limitCount) {
    KickTimer timer = owner.bind(vcpu);
    nativeStep.forget();
    vm.translations().use();
    if (!finishing.active()) {
      VcpuExit exit = resume();
      if (exit != null) {
        return exit;
      }
    }
    return enter(limitCount, timer);
  }

  /** Answers the last exit and hands over what was queued; an exit if one comes of that. */
  private @Nullable VcpuExit resume() {
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

  private VcpuExit enter(long limitCount, KickTimer timer) {
    boolean timed = limitCount < Long.MAX_VALUE / unitNanos;
    while (true) {
      if (timed) {
        long left = limitCount * unitNanos - work;
        if (left <= 0) {
          VcpuExit exit = settle();
          return exit != null ? exit : VcpuExit.Deadline.DEADLINE;
        }
        // Each time: it goes by the host's clock, and may have come before the work was done. Not
        // stopped at an exit: most deadlines are far away, and a signal that comes early costs less
        // than two system calls a run.
        timer.setWithin(left);
      }
      VcpuExit exit = once();
      if (exit != null) {
        return exit;
      }
    }
  }

  /** One KVM_RUN, or what stands in its place; null to go on. */
  private @Nullable VcpuExit once() {
    if (finishing.active()) {
      return runFinisher();
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
    nativeStep.off();
    long before = System.nanoTime();
    int result = vcpu.run();
    work += System.nanoTime() - before;
    fresh = true;
    if (result == 0) {
      exits.completed();
      return translate();
    }
    exits.completed();
    if (result == -Errno.EAGAIN) {
      throw new IllegalStateException("KVM says that the vCPU is not runnable");
    }
    return vcpu.takeKick() ? VcpuExit.Kicked.KICKED : null;
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
  private @Nullable VcpuExit runFinisher() {
    if (windowWanted && finishing.vcpu().interruptible()) {
      return kickedOr(VcpuExit.InterruptWindow.INTERRUPT_WINDOW);
    }
    long before = System.nanoTime();
    VcpuExit exit = finishing.advance(windowWanted, vcpu, crossing);
    work += System.nanoTime() - before;
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
  }

  /** Makes KVM complete a write or an answered read, so that the state is whole; an exit if the completion made one. */
  private @Nullable VcpuExit settle() {
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
    getState(crossing);
    if (finishing.active()) {
      return;
    }
    if (finishing.needed(crossing)) {
      enterFinisher();
      return;
    }
    queued.deliver(vcpu, state);
    fresh = false;
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    throw new VmmException(
        "the kvm engine has no exact branch counter on this host, so it cannot run to "
            + target.toString(),
        "Replay with --engine soft.");
  }

  @Override
  public VcpuExit step() {
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
    work += System.nanoTime() - before;
    if (outcome == NativeStep.Outcome.ASTRAY) {
      load(nativeStep.standing());
    }
    return outcome == NativeStep.Outcome.STEPPED;
  }

  @Override
  public void kick() {
    vcpu.kick();
    finishing.vcpu().kick();
  }

  @Override
  public long branchCount() {
    return work / unitNanos;
  }

  @Override
  public void setBranchCount(long count) {
    work = count * unitNanos;
  }

  @Override
  public ExecutionPoint point() {
    if (finishing.active()) {
      ExecutionPoint at = finishing.vcpu().point();
      return new ExecutionPoint(branchCount(), at.rip(), at.rcx());
    }
    settleWrite();
    if (finishing.active()) {
      return point();
    }
    state.readRegs();
    return new ExecutionPoint(branchCount(), state.rip(), state.rcx());
  }

  /** Only those that the finisher executed: nobody counts what the hardware does. */
  @Override
  public long instructionsExecuted() {
    return finishing.vcpu().instructionsExecuted();
  }

  /** Instructions that KVM's emulator refused and the finisher executed. */
  public long instructionsFinished() {
    return finished;
  }

  /** Instructions that the processor itself has stepped. */
  public long instructionsStepped() {
    return nativeStep.steps();
  }

  @Override
  public void getState(CpuState into) {
    if (finishing.active()) {
      finishing.vcpu().getState(into);
      return;
    }
    settleWrite();
    if (finishing.active()) {
      finishing.vcpu().getState(into);
      return;
    }
    state.get(into);
    into.rip += exits.ripAhead();
    into.halted = halted;
    into.shutdown = shutdown;
    queued.addTo(into);
  }

  @Override
  public void setState(CpuState from) {
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

  @Override
  public boolean interruptible() {
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

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  @Override
  public void injectInterrupt(int vector) {
    if (vector < 0 || vector > 255) {
      throw new IllegalArgumentException("interrupt vector " + vector + " is not in 0..255");
    }
    if (!interruptible()) {
      throw new IllegalStateException(
          "vector %#x was injected at %s, where the vCPU is not interruptible"
              .formatted(vector, point()));
    }
    if (finishing.active()) {
      finishing.vcpu().injectInterrupt(vector);
      return;
    }
    halted = false;
    queued.interrupt(vector);
  }

  @Override
  public void injectNmi() {
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

  @Override
  public void injectException(int vector, int errorCode) {
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

  @Override
  public void collectDirty() {
    vm.dirty().collect();
    finishing.collectDirty();
  }

  @Override
  public void release() {
    owner.release(vcpu);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try (arena;
        vm;
        finishing;
        owner) {}
  }
}
