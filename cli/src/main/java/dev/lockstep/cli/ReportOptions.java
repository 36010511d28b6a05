package dev.lockstep.cli;

import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.profile.RunProfile;
import java.io.PrintStream;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Option;

/** How a run's result is told, on standard error: standard output belongs to the guest. */
final class ReportOptions {
  @Option(
      names = "--stats",
      description = "At the end, print a table of what was executed to standard error.")
  private boolean stats;

  @Option(names = "--json", description = "As --stats, as one line of JSON.")
  private boolean json;

  /** Whether anything is told at all. */
  boolean wanted() {
    return stats || json;
  }

  /** Whether programs are to read it. */
  boolean json() {
    return json;
  }

  /** Prints what is wanted of a machine of this configuration. */
  void print(MachineConfig config, MachineSession.Outcome outcome, PrintStream to) {
    if (wanted()) {
      report(config, outcome).print(to, json);
    }
  }

  /** Prints a profile, with the rest as if it were wanted. */
  void print(
      MachineConfig config, MachineSession.Outcome outcome, RunProfile profile, PrintStream to) {
    Report report = report(config, outcome);
    if (json) {
      report.add("profile", "profile", "", profile.values()).print(to, true);
    } else {
      report.print(to, false);
      profile.print(to);
    }
  }

  /** Prints a report in the form that is wanted. */
  void print(Report report, PrintStream to) {
    report.print(to, json);
  }

  /** Hashes as programs like them: JSON's numbers have not 64 bits everywhere. */
  static Map<String, Object> hex(MachineDigest digest) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("registers", "%016x".formatted(digest.registers()));
    values.put("devices", "%016x".formatted(digest.devices()));
    values.put("memory", "%016x".formatted(digest.memory()));
    values.put("disks", digest.disks().stream().map("%016x"::formatted).toList());
    return values;
  }

  /** When code is translated; only {@code soft} does that. */
  private static String translator(MachineConfig config) {
    return config.engine().equals(EngineChoice.SOFT) ? config.translator() : "none";
  }

  /** The result as rows. */
  static Report report(MachineConfig config, MachineSession.Outcome outcome) {
    MachineEnd end = outcome.end();
    MachineStatus status = outcome.status();
    double seconds = outcome.elapsedNanos() / 1e9;
    double rate = status.instructions() / Math.max(seconds, 1e-9);
    Report report =
        new Report()
            .add(
                "end",
                "end",
                ExitStatus.describe(end.reason()),
                end.reason().name().toLowerCase(Locale.ROOT))
            .add("detail", "detail", end.detail())
            .add("exit_status", "exit status", outcome.exitStatus())
            .add("engine", "engine", config.engine())
            .add("translator", "translator", translator(config))
            .add("seconds", "host time", "%.3f s".formatted(seconds), seconds)
            .add(
                "virtual_seconds",
                "virtual time",
                "%.3f s".formatted(status.virtualNanos() / 1e9),
                status.virtualNanos() / 1e9)
            .add("instructions", "instructions", status.instructions())
            .add("instructions_per_second", "per second", "%,.0f".formatted(rate), rate)
            .add("branches", "branches", status.branchCount())
            .add("log_entries", "log entries", status.entries())
            .add("output_bytes", "output bytes", status.outputBytes())
            .add(
                "began_unix_millis",
                "first instruction",
                Instant.ofEpochMilli(status.beganUnixMillis()).toString(),
                status.beganUnixMillis());
    MachineDigest digest = end.digest();
    if (digest != null) {
      report.add("digest", "final state", digest.toString(), hex(digest));
    }
    return report;
  }
}
