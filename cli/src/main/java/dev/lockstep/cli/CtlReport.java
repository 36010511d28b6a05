package dev.lockstep.cli;

import com.google.protobuf.Message;
import dev.lockstep.cli.ctl.ProtoValues;
import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.Words;
import dev.lockstep.ft.control.proto.CommitRule;
import dev.lockstep.ft.control.proto.MachineCounters;
import dev.lockstep.ft.control.proto.ReplicationSettings;
import dev.lockstep.ft.control.proto.ReplicationStatus;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.vmm.config.MemorySize;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** What {@code lockstep ctl} prints: tables for people, one JSON object a line for programs. */
final class CtlReport {
  private final PrintStream out;
  private final boolean json;
  private final JsonMapper mapper = new JsonMapper();

  CtlReport(PrintStream out, boolean json) {
    this.out = out;
    this.json = json;
  }

  /** Whether programs read it. */
  boolean json() {
    return json;
  }

  /** A line that only people read. */
  void line(String text) {
    if (!json) {
      out.println(text);
      out.flush();
    }
  }

  /** A message as one object, with where it comes from. For programs. */
  void object(ControlAddress from, Message message) {
    object(from, ProtoValues.of(message));
  }

  /** As {@link #object(ControlAddress, Message)}. */
  void object(ControlAddress from, Map<String, @Nullable Object> values) {
    if (json) {
      Map<String, @Nullable Object> all = new LinkedHashMap<>();
      all.put("endpoint", from.toString());
      all.putAll(values);
      out.println(mapper.writeValueAsString(all));
      out.flush();
    }
  }

  /** A VM after a call that was about it. */
  void vm(ControlAddress from, VmStatus status) {
    object(from, status);
    line("%s: %s".formatted(status.getName(), standing(status)));
  }

  /** A VM's standing in words. */
  static String standing(VmStatus status) {
    StringBuilder text = new StringBuilder(Words.of(status.getState()));
    String role = Words.of(status.getRole());
    if (!role.isEmpty()) {
      text.append(", ").append(role);
    }
    String protection = Words.of(status.getProtection());
    if (!protection.isEmpty()) {
      text.append(", ").append(protection);
    }
    String reason = Words.of(status.getReason());
    if (!reason.isEmpty()) {
      text.append(" (").append(reason).append(")");
    }
    if (status.hasEnd()) {
      text.append(": ").append(describe(status.getEnd()));
    }
    return text.toString();
  }

  private static String describe(VmEnd end) {
    String detail = end.getDetail().isEmpty() ? "" : " (" + end.getDetail() + ")";
    String code = end.getExitCode() == 0 ? "" : " " + end.getExitCode();
    return end.getReason().replace('_', ' ') + code + detail;
  }

  /** One VM, in full. */
  void full(ControlAddress from, VmStatus status) {
    object(from, status);
    if (json) {
      return;
    }
    Report report =
        new Report()
            .add("vm", "VM", status.getName())
            .add("endpoint", "endpoint", from.toString())
            .add("state", "state", standing(status));
    if (status.getMemoryBytes() > 0) {
      report.add("memory", "memory", MemorySize.format(status.getMemoryBytes()));
      report.add("engine", "engine", status.getEngine());
    }
    if (status.hasReplication()) {
      replication(status.getReplication(), report);
    }
    if (status.hasMachine()) {
      machine(status.getMachine(), report);
    }
    if (status.hasConsole()) {
      report.add(
          "console",
          "console bytes",
          "%,d to %,d"
              .formatted(
                  status.getConsole().getOldestOffset(), status.getConsole().getEndOffset()));
    }
    report.print(out, false);
  }

  private static void replication(ReplicationStatus it, Report report) {
    report
        .add("phase", "phase", it.getPhase().replace('_', ' '))
        .add("epoch", "epoch", it.getEpoch())
        .add("lag", "lag", "%,d ms, %,d entries".formatted(it.getLagMillis(), it.getLagEntries()))
        .add("held", "held outputs", it.getHeldOutputs())
        .add("log", "log", "%,d bytes, %,d entries".formatted(it.getLogBytes(), it.getLogEntries()))
        .add("throttle", "slowed by", it.getThrottlePercent() + " %")
        .add("settings", "settings", settings(it.getSettings()))
        .add("listens", "listens at", it.getListenAddress())
        .add("arbiter", "arbiter", it.getArbiter());
  }

  private static String settings(ReplicationSettings it) {
    return "commit %s, pause %d ms, lag %d ms, heartbeat %d ms, silence %d ms, acknowledgement %d ms"
        .formatted(
            it.getCommit() == CommitRule.COMMIT_RULE_RECEIVED ? "received" : "matched",
            it.getMaxPauseMillis(),
            it.getMaxLagMillis(),
            it.getHeartbeatMillis(),
            it.getSilenceMillis(),
            it.getAckTimeoutMillis());
  }

  private static void machine(MachineCounters it, Report report) {
    report
        .add("instructions", "instructions", it.getInstructions())
        .add("branches", "branches", it.getBranches())
        .add("virtual", "virtual time", "%.3f s".formatted(it.getVirtualNanos() / 1e9))
        .add("behind", "behind the host", "%.0f ms".formatted(it.getBehindNanos() / 1e6));
    StringBuilder exits = new StringBuilder();
    it.getExitsMap().entrySet().stream()
        .filter(exit -> exit.getValue() > 0)
        .sorted(Map.Entry.comparingByKey())
        .forEach(exit ->
            exits
                .append(exits.isEmpty() ? "" : ", ")
                .append("%s %,d".formatted(exit.getKey().replace('_', ' '), exit.getValue())));
    report.add("exits", "exits", exits.toString());
  }

  /** Many rows under a heading, in columns; programs get none of it. */
  void table(List<List<String>> rows) {
    if (json) {
      return;
    }
    List<Integer> widths = new ArrayList<>();
    for (List<String> row : rows) {
      for (int column = 0; column < row.size(); column++) {
        int width = row.get(column).length();
        if (column == widths.size()) {
          widths.add(width);
        } else if (width > widths.get(column)) {
          widths.set(column, width);
        }
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        line.append(("%-" + (widths.get(column) + 2) + "s").formatted(row.get(column)));
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
