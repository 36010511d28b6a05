package dev.lockstep.engine.contract;

import dev.lockstep.engine.BranchSemantics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/** One subject of the contract: a group of tests over one engine. {@link EngineContract} lists the subjects and gives them the engine. */
abstract class ContractSubject {
  private final List<Rig> rigs = new ArrayList<>();
  private String test = "";

  /** The engine that is asked. */
  abstract EngineUnderTest engine();

  @BeforeEach
  void remember(TestInfo info) {
    String name = info.getTestMethod().map(method -> method.getName()).orElse("?");
    test = getClass().getSimpleName() + "." + name;
  }

  @AfterEach
  void closeRigs() {
    rigs.reversed().forEach(Rig::close);
    rigs.clear();
  }

  /** Skips the test, loudly, if the engine lacks one of these. */
  final void need(Capability... capabilities) {
    for (Capability capability : capabilities) {
      Optional<String> reason = engine().lacks(capability);
      if (reason.isPresent()) {
        Skips.add(engine().name(), test, capability, reason.get());
        Assumptions.abort("lacks " + capability + ": " + reason.get());
      }
    }
  }

  final boolean has(Capability capability) {
    return engine().lacks(capability).isEmpty();
  }

  /** A machine that counts what the engine counts best, closed after the test. */
  final Rig rig() {
    return rig(
        has(Capability.COUNT_ALL_TRANSFERS) || !has(Capability.COUNT_CONDITIONAL)
            ? BranchSemantics.ALL_TRANSFERS
            : BranchSemantics.CONDITIONAL);
  }

  final Rig rig(BranchSemantics semantics) {
    Rig rig = new Rig(engine(), semantics);
    rigs.add(rig);
    return rig;
  }

  /** Skips unless the engine counts that way. */
  final void needCount(BranchSemantics semantics) {
    need(
        semantics == BranchSemantics.ALL_TRANSFERS
            ? Capability.COUNT_ALL_TRANSFERS
            : Capability.COUNT_CONDITIONAL);
  }

  /** Random numbers for the running test, from a printed seed; {@code -Dlockstep.seed=} repeats one. */
  final Random random() {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.printf("contract [%s] %s: lockstep.seed=%d%n", engine().name(), test, seed);
    return new Random(seed);
  }
}
