package dev.lockstep.softcpu.mutation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.oracle.OracleRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Puts mistakes into the CPU, one at a time, and sees them caught. */
final class MutationTest {
  private static final int FEWEST = 50;
  private static final int SAMPLE = 3;

  /** Of the killers' own random cases, so that a campaign can be repeated. */
  private static final long KILLERS_SEED = 20_260_107;

  private static final Set<String> SUBJECTS =
      Set.of(
          "flags",
          "address sizes",
          "decoding",
          "segmentation",
          "paging",
          "TLB",
          "fault delivery",
          "shadows",
          "REP restart",
          "self-modifying code",
          "SSE",
          "x87",
          "branch counting",
          "virtual time",
          "debug registers");

  @TempDir private Path folder;

  @Test
  void theTableFollowsTheSource() throws IOException {
    List<Mutation> all = Mutation.load();
    assertThat(all).hasSizeGreaterThanOrEqualTo(FEWEST);
    assertThat(all).extracting(Mutation::why).doesNotHaveDuplicates();
    assertThat(all.stream().map(Mutation::subject).collect(Collectors.toSet())).isEqualTo(SUBJECTS);
    List<String> wrong = new ArrayList<>();
    for (Mutation one : all) {
      if (!Files.exists(one.source())) {
        wrong.add(one + ": there is no such file");
      } else if (one.occurrences() != 1) {
        wrong.add("%s: the text stands there %d times".formatted(one, one.occurrences()));
      } else if (one.original().equals(one.replacement())) {
        wrong.add(one + ": changes nothing");
      }
    }
    assertThat(wrong).as("mutations that do not fit the source").isEmpty();
  }

  @Test
  void aFewAreCaught() throws IOException, InterruptedException {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    List<Mutation> all = new ArrayList<>(Mutation.load());
    Collections.shuffle(all, new Random(seed));
    System.out.println("mutations: sampled with seed " + seed);
    campaign(all.subList(0, SAMPLE));
  }

  @Test
  @Tag("long")
  void allAreCaught() throws IOException, InterruptedException {
    campaign(Mutation.load());
  }

  private void campaign(List<Mutation> mutations) throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        OracleRun.available(), "SKIPPED: mutations need the oracle, which needs gcc");
    List<Killer> killers =
        mutations.stream().flatMap(one -> one.killers().stream()).distinct().toList();
    Mutant.Verdict sane = Mutant.none(fresh()).judge(killers, KILLERS_SEED);
    assertThat(sane.caught()).as("killers on the CPU as it is: %s", sane.words()).isFalse();
    List<String> survivors = new ArrayList<>();
    for (Mutation one : mutations) {
      Mutant.Verdict verdict = Mutant.of(one, fresh()).judge(one.killers(), KILLERS_SEED);
      System.out.printf("%s -> %s%n", one, verdict.words());
      if (!verdict.caught()) {
        survivors.add(one.toString());
      }
    }
    System.out.printf(
        "mutations: %d seeded, %d caught%n", mutations.size(), mutations.size() - survivors.size());
    assertThat(survivors).as("mutations that no test noticed").isEmpty();
  }

  private Path fresh() throws IOException {
    return Files.createTempDirectory(folder, "cpu");
  }
}
