package dev.lockstep.cli;

import dev.lockstep.vmm.inspect.EntryText;
import dev.lockstep.vmm.inspect.Listing;
import dev.lockstep.vmm.inspect.MachineView;
import dev.lockstep.vmm.replay.Checkpoints;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where a machine stands, in rows and as a listing. */
final class StandReport {
  private StandReport() {}

  /**
   * Adds the place to a report.
   *
   * @param checkpoint where the replay began; null for the log's start
   */
  static Report add(Report rows, MachineView view, Checkpoints.@Nullable Checkpoint checkpoint) {
    Map<String, Object> point = new LinkedHashMap<>();
    EntryText.moment(point, view.at());
    rows.add("point", "stands at", view.at().toString(), point);
    rows.add(
        "virtual_nanos",
        "virtual time",
        "%d.%09d s"
            .formatted(view.virtualNanos() / 1_000_000_000, view.virtualNanos() % 1_000_000_000),
        view.virtualNanos());
    rows.add("entry", "next entry", "#" + view.sequence(), view.sequence());
    rows.add(
        "from",
        "replayed from",
        checkpoint == null ? "the start" : "the checkpoint at entry #" + checkpoint.sequence(),
        checkpoint == null ? null : checkpoint.sequence());
    rows.add("digest", "state", view.digest().toString(), ReportOptions.hex(view.digest()));
    rows.add("code", "code", view.codeHex(), view.codeHex());
    return rows.add("registers", "rip", "%#x".formatted(view.cpu().rip), registers(view));
  }

  /** The registers and the next instructions. */
  static void listing(MachineView view, PrintStream out) {
    Listing.registers(view).forEach(out::println);
    Listing.code(view).forEach(out::println);
  }

  /** A machine as programs read it. */
  static Map<String, Object> fields(MachineView view) {
    Map<String, Object> fields = new LinkedHashMap<>();
    EntryText.moment(fields, view.at());
    fields.put("virtual_nanos", view.virtualNanos());
    fields.put("digest", ReportOptions.hex(view.digest()));
    fields.put("registers", registers(view));
    fields.put("code", Listing.code(view));
    return fields;
  }

  private static Map<String, Object> registers(MachineView view) {
    Map<String, Object> registers = new LinkedHashMap<>();
    view.registers().forEach((name, value) -> registers.put(name, "%016x".formatted(value)));
    return registers;
  }
}
