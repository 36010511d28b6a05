package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.replay.FileLogSink;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs that are not certain to their end, and logs that a replay differs from, have outcomes of their own. */
final class LogOutcomesTest {
  private static final Origin HERE = new Origin("test");

  @TempDir Path folder;

  @Test
  void aLogIsReplayedAsFarAsItIsCertain() throws Exception {
    String log = recordUncertain();
    Command.Result info = Command.here("log", "info", log);
    assertThat(info.out()).contains("ANCHORS").containsPattern("certain +up to .*, and no further");
    Command.Result replayed = Command.run(folder, "replay", "--log", log);
    assertThat(replayed.err())
        .contains("the replay is identical as far as the log is certain: up to ");
    assertThat(replayed.out()).isEqualTo("on");
    assertThat(replayed.status()).isEqualTo(85);
    Command.Result verified = Command.here("verify", "--replay", log);
    assertThat(verified.out()).contains("identical as far as the log is certain: up to ");
    assertThat(verified.status()).isEqualTo(85);
    Command.Result model =
        Command.run(folder, "replay", "--log", log, "--cpu-model=lockstep-v1-tsc");
    assertThat(model.err()).contains("CPU model differs");
    assertThat(model.status()).isEqualTo(69);
  }

  /** Without a branch counter, of a guest that stops making exits. */
  private String recordUncertain() throws Exception {
    Path log = folder.resolve("uncertain");
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("spinner"));
    MachineConfig config =
        MachineConfig.builder()
            .kernel(kernel.toString(), HERE)
            .memory(64L << 20, HERE)
            .cpuModel("lockstep-v1", HERE)
            .engine("soft", HERE)
            .build();
    MachineSpec counted = ConfiguredMachine.spec(config, 1_700_000_000_000_000_000L);
    MachineSpec spec =
        new MachineSpec(
            counted.name(),
            counted.model(),
            BranchSemantics.ANCHORS,
            counted.memoryBytes(),
            counted.wallClockNanos(),
            counted.pacing(),
            counted.digestSpacing(),
            counted.facts());
    CountDownLatch printed = new CountDownLatch(2);
    FileLogSink sink = new FileLogSink(log);
    try (Machine machine = ConfiguredMachine.create(config, spec, DiskUse.PRIVATE)) {
      new MachineFolder(log).keep(config);
      machine.start(
          sink,
          new DirectGate((stream, offset, bytes) -> {
            for (int i = 0; i < bytes.length; i++) {
              printed.countDown();
            }
          }),
          1);
      assertThat(printed.await(1, TimeUnit.MINUTES)).isTrue();
      // Well past its last exit.
      long before = machine.status().instructions();
      await().until(() -> machine.status().instructions() > before + 1_000_000);
      machine.stop();
      machine.ended().get(1, TimeUnit.MINUTES);
    }
    return log.toString();
  }

  @Test
  void aDivergenceIsTakenToWhereItLies() throws Exception {
    Path log = folder.resolve("log");
    Path kernel =
        new TinyGuest().print("ready").echoUntil('Q').exit(9).write(folder.resolve("kernel"));
    Command.runTyping(
        folder, "abQ", "record", "--log", log.toString(), "--kernel", kernel.toString());
    forgeTyping(log);
    Command.Result replayed = Command.run(folder, "replay", "--log", log.toString());
    assertThat(replayed.err())
        .contains("the recorded state was the replayed one at", "the log's beginning")
        .contains("the log goes on with", "  output  ", "hash of output of stream 0")
        .contains("the replay stands at ", "rax ", "lockstep: the replay diverges at ")
        .doesNotContain("\tat ");
    assertThat(replayed.status()).isEqualTo(83);
    assertThat(Command.here("verify", "--replay", log.toString()).status()).isEqualTo(83);
  }

  /** The same log, with another letter typed. */
  private void forgeTyping(Path log) throws Exception {
    Path forged = folder.resolve("forged");
    try (EventLogReader reader = new EventLogReader(log);
        EventLogWriter writer = new EventLogWriter(forged, reader.header())) {
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        if (entry instanceof LogEntry.ConsoleInput it) {
          byte[] bytes = it.bytes();
          bytes[0] = 'X';
          writer.append(new LogEntry.ConsoleInput(it.at(), it.device(), bytes));
        } else {
          writer.append(entry);
        }
      }
    }
    try (EventLogReader reader = new EventLogReader(forged)) {
      for (Path segment : reader.segments()) {
        Files.copy(
            segment,
            log.resolve(segment.getFileName()),
            java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }
}
