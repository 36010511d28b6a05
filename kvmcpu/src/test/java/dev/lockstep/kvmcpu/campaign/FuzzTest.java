package dev.lockstep.kvmcpu.campaign;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Random registers, code, answers, injections, kicks and steps: the JVM goes on, every call comes back, every refusal says what it is, and the machine can be closed. {@code -Dlockstep.seed=} repeats cases
 * from that seed on; {@code -Dlockstep.fuzz.seconds=} says for how long. A case that fails is kept in the corpus; before each case its seed is written to {@code target/kvm-fuzz.seed}, for the day that the
 * JVM does not go on.
 */
final class FuzzTest {
  private static final long SAMPLE_SECONDS = 4;
  private static final long WHOLE_SECONDS = Long.getLong("lockstep.fuzz.seconds", 600);

  /** Far beyond what a case takes on a loaded host; every run in it has a deadline of about a millisecond. */
  private static final long CASE_SECONDS = 60;

  private static final Path CURRENT = Path.of("target", "kvm-fuzz.seed");

  @BeforeEach
  void deviceIsThere() {
    Engines.need("the kvm engine is not fuzzed");
  }

  @Test
  void sample() throws Exception {
    campaign(SAMPLE_SECONDS);
  }

  @Test
  @Tag("long")
  void whole() throws Exception {
    campaign(WHOLE_SECONDS);
  }

  @Test
  void corpus() throws Exception {
    List<FuzzCorpus.Saved> saved = FuzzCorpus.load();
    try (Engines engines = new Engines();
        FuzzRun run = run(engines)) {
      for (FuzzCorpus.Saved one : saved) {
        bounded(run, one.it(), "case " + one.file());
      }
    }
    System.out.printf("kvm fuzz corpus: %d cases%n", saved.size());
  }

  @Test
  void aCaseIsWrittenDownWhole() {
    FuzzCase made = FuzzMaker.make(7);
    FuzzCase read = FuzzCase.parse(Arrays.asList(made.text().split("\n")));
    assertThat(read.text()).isEqualTo(made.text());
    assertThat(read.start().digest()).isEqualTo(made.start().digest());
    assertThat(read.actions()).isEqualTo(made.actions());
  }

  private static FuzzRun run(Engines engines) {
    return new FuzzRun(
        engines,
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("fuzz-kicks").factory()));
  }

  private static void campaign(long seconds) throws Exception {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    long cases = 0;
    try (Engines engines = new Engines();
        FuzzRun run = run(engines)) {
      while (System.nanoTime() - end < 0) {
        long one = seed + cases;
        Files.writeString(CURRENT, one + "\n", StandardCharsets.US_ASCII);
        FuzzCase made = FuzzMaker.make(one);
        try {
          bounded(run, made, "seed " + one);
        } catch (AssertionError e) {
          throw new AssertionError("%s; kept as %s".formatted(e.getMessage(), kept(made)), e);
        }
        cases++;
      }
      System.out.printf(
          "campaign kvm fuzz: %,d cases in %d s, seed %d, none crashed or hung: %s%n",
          cases, seconds, seed, run.outcomes());
    }
  }

  private static Path kept(FuzzCase made) throws IOException {
    return FuzzCorpus.save(made);
  }

  /** Does a case on a thread of its own, which is left behind if it hangs. */
  private static void bounded(FuzzRun run, FuzzCase it, String name) throws Exception {
    FutureTask<Void> task =
        new FutureTask<>(() -> {
          run.run(it);
          return null;
        });
    Thread thread = Thread.ofPlatform().daemon().name("fuzz").start(task);
    try {
      task.get(CASE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError(name + " hangs at " + Arrays.toString(thread.getStackTrace()), e);
    } catch (ExecutionException e) {
      throw new AssertionError(name + " failed: " + e.getCause(), e.getCause());
    }
  }
}
