package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that sleeps while its masked timer runs on: what woke it is in the log, and without it the replay ends instead of waiting for ever. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SleepingGuestTest {
  private final MachineSpec spec = Machines.spec(Pacing.HOST);
  @TempDir Path folder = Path.of("unset");

  private LogHeader record(List<LogEntry> into) throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(spec, Guests.sleeper())) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate(console), 1);
      for (String typed : List.of("a", "b", "q")) {
        machine.inject(
            new MachineInput.ConsoleBytes(
                DeviceIndexes.UART0, typed.getBytes(StandardCharsets.US_ASCII)));
        Awaitility.await().until(() -> console.toString().contains(typed));
      }
      Machines.await(machine);
    }
    try (EventLogReader reader = new EventLogReader(folder.resolve("log"))) {
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        into.add(entry);
      }
      return reader.header();
    }
  }

  private ReplayReport replay(LogHeader header, List<LogEntry> log, String name) {
    Path file = folder.resolve(name);
    try (EventLogWriter writer = new EventLogWriter(file, header)) {
      log.forEach(writer::append);
    }
    try (Machine machine = Machines.create(spec, Guests.sleeper());
        FileLogSource source = new FileLogSource(file)) {
      return Replay.run(machine, source, new DirectGate((stream, offset, bytes) -> {}));
    }
  }

  @Test
  void whatWokeItIsMissed() throws Exception {
    List<LogEntry> entries = new ArrayList<>();
    LogHeader header = record(entries);
    assertThat(replay(header, entries, "whole").identical()).isTrue();
    List<LogEntry> shorter = new ArrayList<>(entries);
    shorter.remove(
        entries.stream()
            .filter(LogEntry.ConsoleInput.class::isInstance)
            .skip(1)
            .findFirst()
            .orElseThrow());
    assertThat(Objects.requireNonNull(replay(header, shorter, "shorter").divergence()).replayed())
        .contains("halted for ever at");
  }
}
