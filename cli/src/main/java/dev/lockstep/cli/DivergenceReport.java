package dev.lockstep.cli;

import dev.lockstep.vmm.inspect.EntryText;
import dev.lockstep.vmm.inspect.Listing;
import dev.lockstep.vmm.inspect.MachineView;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;

/**
 * Where a replay stopped being its recording, as far as one log can tell: between the last entry at which the recorded state was
 * the replayed one, and the first that is not fulfilled.
 *
 * @param agreed that last entry as a line, or where the log begins
 * @param expected the first that is not fulfilled, as a line
 * @param view the replay's machine, where it stands
 */
record DivergenceReport(
    DivergenceException divergence, String agreed, String expected, MachineView view) {

  /** Looks at a machine whose replay has failed. */
  static DivergenceReport of(Path log, Machine machine, DivergenceException divergence) {
    MachineView view = machine.atBoundary(MachineView::of).join();
    try (EventLogReader reader = new EventLogReader(log)) {
      EntryText text = new EntryText(reader.header());
      String agreed = "the log's beginning, " + reader.header().start();
      String expected = "(nothing)";
      for (long sequence = 0; sequence <= view.sequence(); sequence++) {
        LogEntry entry = reader.next();
        if (entry == null) {
          break;
        }
        if (sequence == view.sequence()) {
          expected = text.line(sequence, entry);
        } else if (entry instanceof LogEntry.DigestEntry
            || entry instanceof LogEntry.CheckpointMark) {
          agreed = text.line(sequence, entry);
        }
      }
      return new DivergenceReport(divergence, agreed, expected, view);
    }
  }

  void print(PrintStream out) {
    out.println("the recorded state was the replayed one at");
    out.println("  " + agreed);
    out.println("the log goes on with");
    out.println("  " + expected);
    out.println(
        "%s there: %s in the log, %s here"
            .formatted(divergence.field(), divergence.recorded(), divergence.replayed()));
    out.println("the replay stands at %s, %.9f s".formatted(view.at(), view.virtualNanos() / 1e9));
    indented(Listing.registers(view), out);
    indented(Listing.code(view), out);
  }

  static void indented(List<String> lines, PrintStream out) {
    lines.forEach(line -> out.println("  " + line));
  }
}
