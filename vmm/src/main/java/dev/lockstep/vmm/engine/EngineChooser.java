package dev.lockstep.vmm.engine;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.vmm.tsc.ExactTscPolicy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What {@code --engine auto} means on this host: {@code kvm} where kernels run natively and the self-test passes, else {@code soft}; for what must be repeated exactly {@code kvm} only with a calibrated
 * counter, and where no read of the time-stamp counter goes unseen. Asks the host at most once; used by one thread.
 */
public final class EngineChooser {
  /** The finding of {@link HostProbes#timeStampCounter}. */
  private static final String TIME_STAMP = "rdtsc";

  private final Path device;
  private @Nullable HostCounter counter;
  private @Nullable List<Finding> findings;
  private @Nullable Finding selfTest;

  /** For this host. */
  public EngineChooser() {
    this(Kvm.DEVICE);
  }

  /** For a KVM device. */
  public EngineChooser(Path device) {
    this.device = device;
  }

  /**
   * By what {@link HostProbes} found already.
   *
   * @param device the one that was asked
   */
  public EngineChooser(Path device, List<Finding> findings) {
    this.device = device;
    this.findings = List.copyOf(findings);
  }

  /**
   * By what is known of a host already.
   *
   * @param device asked where something is missing
   * @param findings may hold what the self-test and the probe of the time-stamp counter found
   */
  public EngineChooser(Path device, List<Finding> findings, HostCounter counter) {
    this(device, findings);
    this.counter = counter;
  }

  /** The engine for a purpose. Takes some milliseconds for {@link Purpose#FREE_RUNNING}, and about a second if the self-test is due. */
  public EngineChoice choose(Purpose purpose) {
    return switch (purpose) {
      case FREE_RUNNING -> freeRunning();
      case RECORDED, REPLICATED -> repeated(purpose);
    };
  }

  private EngineChoice repeated(Purpose purpose) {
    Optional<String> lacking = lacking(purpose).or(() -> unrepeatedReads(null));
    if (lacking.isPresent()) {
      return EngineChoice.soft(lacking.get());
    }
    HostCounter.Fit fit = (HostCounter.Fit) counter();
    return EngineChoice.counted(
        fit, true, freeRunning().reason() + ", and its branch counter is calibrated");
  }

  /** Why what must be repeated cannot be run on this host's KVM at all; empty if it can. */
  private Optional<String> lacking(Purpose purpose) {
    if (purpose == Purpose.REPLICATED) {
      return Optional.of(
          "exact following needs an exact branch counter, and that of kvm is for recording only (without one: --following free-running)");
    }
    if (counter() instanceof HostCounter.Unfit(String reason, String advice)) {
      return Optional.of("recording needs an exact branch counter, and kvm has none: " + reason);
    }
    EngineChoice free = freeRunning();
    return free.engine().equals(EngineChoice.KVM) ? Optional.empty() : Optional.of(free.reason());
  }

  /** What is known of the hardware counter. */
  public HostCounter counter() {
    HostCounter known = counter;
    if (known == null) {
      known = HostCounter.ofThisHost();
      counter = known;
    }
    return known;
  }

  /**
   * Why a guest on this host's KVM cannot be repeated exactly: every reason there is, so that none is left to be found out later. Takes some milliseconds, and a second if the self-test is due.
   *
   * @param purpose which asks for it: not {@link Purpose#FREE_RUNNING}
   * @param model the CPU that the guest is to see; null if that is left to the engine
   * @return sentences without their full stops
   */
  public List<String> obstacles(Purpose purpose, @Nullable CpuModel model) {
    List<String> reasons = new ArrayList<>();
    lacking(purpose).ifPresent(reasons::add);
    unrepeatedReads(model).ifPresent(reasons::add);
    return reasons;
  }

  /**
   * Why a guest's own reads of the time-stamp counter are not repeated on this host's KVM; empty if they are, or if there is no KVM.
   *
   * @param model the CPU that the guest is to see; null if that is left to the engine
   * @return a sentence without its full stop
   */
  public Optional<String> unrepeatedReads(@Nullable CpuModel model) {
    List<Finding> found =
        known(TIME_STAMP).isEmpty() ? new HostProbes(device).timeStampCounter() : findings();
    boolean asked = found.getFirst().verdict() == Verdict.OK;
    ExactTscPolicy.Facts facts = ExactTscPolicy.Facts.ofHost(HostTraits.of(found).rdtscTrappable());
    CpuModel seen = model == null ? CpuModel.LOCKSTEP_V1 : model;
    return asked && ExactTscPolicy.decide(seen, facts) instanceof ExactTscPolicy.FreeRunning it
        ? Optional.of(it.message())
        : Optional.empty();
  }

  private EngineChoice freeRunning() {
    List<Finding> found = findings();
    Optional<Finding> lacking =
        found.stream()
            .filter(it -> it.id().equals("kvm") || it.id().equals("capabilities"))
            .filter(it -> it.verdict() == Verdict.MISSING)
            .findFirst();
    if (lacking.isPresent()) {
      return EngineChoice.soft("kvm cannot be used: " + lacking.get().found());
    }
    HostTraits traits = HostTraits.of(found);
    if (!traits.ring0Native()) {
      return EngineChoice.soft(
          "kvm has no hardware virtualisation here: ring 0 runs at %.1f million instructions/s"
              .formatted(traits.ring0MillionInstructionsPerSecond()));
    }
    Finding test = selfTest();
    return test.verdict() == Verdict.OK
        ? EngineChoice.kvm("ring 0 is native and the self-test " + test.found())
        : EngineChoice.soft("kvm's self-test " + test.found());
  }

  /** Runs the self-test, or tells that there is nothing to test: ring 0 is not native. */
  public Finding selfTest() {
    Finding done = selfTest;
    if (done == null) {
      List<Finding> known = known(SelfTest.ID);
      done =
          !known.isEmpty()
              ? known.getFirst()
              : HostTraits.of(findings()).ring0Native()
                  ? new SelfTest(device).run()
                  : SelfTest.notDue();
      selfTest = done;
    }
    return done;
  }

  private List<Finding> known(String id) {
    List<Finding> given = findings;
    return given == null
        ? List.of()
        : given.stream().filter(it -> it.id().equals(id)).limit(1).toList();
  }

  private List<Finding> findings() {
    List<Finding> known = findings;
    if (known == null) {
      known = new HostProbes(device).essentials();
      findings = known;
    }
    return known;
  }
}
