package dev.lockstep.vmm.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.replay.FileLogSink;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bit of memory that one of two engines flips at some branch count is found at exactly that point. */
class BisectionTest {
  private static final int TICKS = 100;

  /** Memory that this guest neither reads nor writes. */
  private static final long UNUSED = 0x60_0000;

  /** Where it keeps the hash that all it does depends on. */
  private static final long HASH = 0x5_0008;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final MachineSpec spec = Machines.spec(MachineSpec.Pacing.FREE);
  @TempDir Path folder = Path.of("unset");
  private long last;

  @BeforeEach
  void record() throws Exception {
    System.out.println("BisectionTest seed " + seed);
    try (Machine machine = Machines.create(spec, Guests.clockworkUntil(TICKS))) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate((s, o, b) -> {}), 1);
      Machines.await(machine);
      last = LogSummary.of(folder.resolve("log")).last().count();
    }
  }

  @Test
  void findsTheFlippedBitWhereverItIs() {
    for (int round = 0; round < 4; round++) {
      long when = 1 + random.nextLong(last - 1);
      long address = round % 2 == 0 ? UNUSED : HASH;
      Bisection bisection =
          new Bisection(
              good("good" + round), flipping(when, address, round), Bisection.Compared.ALL);
      Bisection.Difference found = bisection.find(0, last).orElseThrow();
      System.out.printf(
          "flipped at %d of %d, found with %d probes%n", when, last, bisection.probes());
      assertThat(found.count()).as("seed %d", seed).isEqualTo(when - 1);
      assertThat(found.first().at()).isEqualTo(found.second().at());
      assertThat(found.first().at().count()).as("seed %d", seed).isEqualTo(when);
      MachineView agreed = Objects.requireNonNull(found.agreed());
      assertThat(agreed.at().count()).as("one instruction before").isEqualTo(when - 1);
      assertThat(found.differences()).hasSize(1).first().asString().startsWith("memory ");
      assertThat(Listing.registers(agreed)).isNotEmpty();
      assertThat(Listing.code(agreed)).isNotEmpty();
    }
  }

  @Test
  void findsNothingWhereThereIsNothing() {
    Optional<Bisection.Difference> found =
        new Bisection(good("one"), good("other"), Bisection.Compared.ALL).find(0, last - 1);
    assertThat(found).as("seed %d", seed).isEmpty();
  }

  private Execution good(String name) {
    return execution(Machines.FACTORY, name);
  }

  private Execution flipping(long when, long address, int round) {
    return execution(
        new MachineFactory(
            "defect",
            (model, semantics, memory, tsc) ->
                new FlippingVcpu(
                    SoftVcpu.create(model, memory, tsc, semantics), memory, when, address)),
        "defect" + round);
  }

  private Execution execution(MachineFactory factory, String name) {
    return new Execution(
        new Execution.Machines() {
          @Override
          public Machine start() {
            return factory.create(spec, List.of(), Guests.clockworkUntil(TICKS));
          }

          @Override
          public Machine restore(Path checkpoint) {
            return factory.restore(spec, List.of(), checkpoint);
          }
        },
        folder.resolve("log"),
        folder.resolve(name));
  }
}
