package dev.lockstep.vmm.engine;

import dev.lockstep.counting.Transition;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.counting.host.CounterChoice;
import dev.lockstep.counting.host.HostFacts;
import dev.lockstep.counting.host.HostFactsReader;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/** The hardware counter of a host, as far as a guest's moments may be named by it. */
public sealed interface HostCounter {
  /** What to do where there is none yet. */
  String CALIBRATE = "Run lockstep doctor --calibrate on this host.";

  /**
   * It may be.
   *
   * @param profile what calibration found of it, on this very host
   * @param cpus where a thread that it counts must stay; empty for anywhere
   */
  record Fit(CounterProfile profile, Set<Integer> cpus) implements HostCounter {
    /** Copies. */
    public Fit {
      cpus = Set.copyOf(cpus);
    }
  }

  /**
   * It may not, or there is none.
   *
   * @param reason a sentence without its full stop, to stand behind a colon
   * @param advice what to do
   */
  record Unfit(String reason, String advice) implements HostCounter {}

  /** Where {@code doctor --calibrate} saves a counter's profile: {@code lockstep/counter} in $XDG_STATE_HOME or ~/.local/state. */
  static Path defaultProfile() {
    String state = System.getenv("XDG_STATE_HOME");
    Path folder =
        state == null || state.isBlank()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(state);
    return folder.resolve("lockstep").resolve("counter");
  }

  /** This host's, by the profile in its usual place. */
  static HostCounter ofThisHost() {
    return of(new HostFactsReader(Path.of("/")).read(), defaultProfile());
  }

  /**
   * A host's.
   *
   * @param profile the file that calibration has saved, or will
   */
  static HostCounter of(HostFacts host, Path profile) {
    return switch (CounterChoice.of(host)) {
      case CounterChoice.None none -> new Unfit(none.reason(), none.advice());
      case CounterChoice.Proposed proposed -> of(host, proposed, profile);
    };
  }

  private static HostCounter of(HostFacts host, CounterChoice.Proposed proposed, Path file) {
    if (!Files.exists(file)) {
      return new Unfit("it is not calibrated: there is no profile '%s'".formatted(file), CALIBRATE);
    }
    CounterProfile profile;
    try {
      profile = CounterProfile.load(file);
    } catch (VmmException e) {
      return new Unfit(String.valueOf(e.getMessage()), e.advice());
    }
    if (!profile.cpu().equals(host.line())) {
      return new Unfit(
          "it was calibrated on another host: '%s' is of '%s', and this is '%s'"
              .formatted(file, profile.cpu(), host.line()),
          CALIBRATE);
    }
    if (profile.semantics() != BranchSemantics.CONDITIONAL
        || profile.config() != proposed.event().measured().config()
        || profile.pmuType() != proposed.event().measured().type()) {
      return new Unfit(
          "the profile '%s' is of event 0x%x of PMU %d, and this CPU's is 0x%x of PMU %d"
              .formatted(
                  file,
                  profile.config(),
                  profile.pmuType(),
                  proposed.event().measured().config(),
                  proposed.event().measured().type()),
          CALIBRATE);
    }
    long exit = profile.excess().of(Transition.EXIT);
    return exit == 0
        ? new Fit(profile, proposed.cpus())
        : new Unfit(
            "it counts %d events at each exit, and whether an interrupted entry to the guest was one KVM does not tell"
                .formatted(exit),
            "Record on --engine soft.");
  }
}
