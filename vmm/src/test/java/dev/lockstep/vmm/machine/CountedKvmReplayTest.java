package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.config.CountedKvmEngine;
import dev.lockstep.vmm.config.KvmEngine;
import dev.lockstep.vmm.engine.HostCounter;
import dev.lockstep.vmm.engine.RealCounter;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.RecordedRuns.Recording;
import dev.lockstep.vmm.replay.Attempts;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The campaign of {@link HardwareReplayTest} on /dev/kvm and the counter of this host's processor. */
@Tag("hardware")
@Timeout(3600)
class CountedKvmReplayTest {
  /** An overflow may come later than it ever did in calibration, and such a recording says so: one in so many, at most. */
  private static final int UNCERTAIN_ONE_IN = 10;

  @TempDir static Path profiles = Path.of("unset");
  private static HostCounter.@Nullable Fit counter;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  @BeforeAll
  static void counterIsExact() throws InterruptedException {
    counter = RealCounter.required(profiles);
  }

  private static MachineFactory counted() {
    return new MachineFactory(
        "kvm", CountedKvmEngine.of(KvmEngine.ofThisHost(), Objects.requireNonNull(counter)));
  }

  @Test
  void recordedRunsRepeatExactly() throws Exception {
    campaign(20);
  }

  @Tag("long")
  @Test
  void aThousandRunsRepeatExactly() throws Exception {
    campaign(Integer.getInteger("campaign.runs", 1000));
  }

  private void campaign(int count) throws Exception {
    System.out.println("CountedKvmReplayTest seed " + seed);
    RecordedRuns runs = new RecordedRuns(seed, random, folder);
    int uncertain = 0;
    int[] again = {0};
    for (int run = 0; run < count; run++) {
      Recording recording = runs.record(counted());
      assertThat(recording.end().reason()).isEqualTo(EndReason.GUEST_EXIT);
      boolean certain = true;
      for (MachineFactory replayer : new MachineFactory[] {counted(), Machines.FACTORY}) {
        Machines.Console console = new Machines.Console();
        OutputConsumer once = Attempts.once(console);
        ReplayReport report =
            new Attempts(note -> again[0]++)
                .run(before -> RecordedRuns.replay(recording, replayer, once));
        certain =
            report.end() == null
                || Objects.requireNonNull(report.end()).reason() != EndReason.UNCERTAIN;
        if (certain) {
          runs.identical(recording, report, console, run);
        }
      }
      uncertain += certain ? 0 : 1;
    }
    System.out.printf(
        "campaign real counter: %d of %d runs of %,d branches recorded on kvm repeat exactly there and on soft, %d say they are not certain, %d replays began again, seed %d%n",
        count - uncertain, count, runs.branches(), uncertain, again[0], seed);
    assertThat(uncertain).isLessThanOrEqualTo(count / UNCERTAIN_ONE_IN);
  }
}
