package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.inspect.Bisection;
import dev.lockstep.vmm.inspect.Execution;
import dev.lockstep.vmm.inspect.Listing;
import dev.lockstep.vmm.inspect.LogSummary;
import dev.lockstep.vmm.inspect.MachineView;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Machine;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Two logs replayed side by side, to the first execution point at which their machines differ. */
final class LogBisection {
  private LogBisection() {}

  /**
   * Replays both and tells.
   *
   * @return whether their executions differ
   * @throws VmmException if one cannot be replayed, or they cannot be compared
   */
  static boolean run(Path first, Path second, boolean json, PrintStream out) {
    LogSummary one = LogSummary.of(first);
    LogSummary other = LogSummary.of(second);
    if (one.header().semantics() != other.header().semantics()
        || !one.header().start().equals(other.header().start())) {
      throw new VmmException(
          "the executions cannot be compared: branch_semantics or start differ",
          "Compare logs whose machines begin at the same point.");
    }
    boolean sameTime = one.header().wallClockNanos() == other.header().wallClockNanos();
    if (!sameTime && !json) {
      out.println("the runs began at different times of day, so their devices are not compared");
    }
    long last = Math.min(one.last().count(), other.last().count());
    try (GuestFiles files = new GuestFiles()) {
      Path work = files.workFolder();
      Bisection bisection =
          new Bisection(
              execution(first, one.header(), work.resolve("first")),
              execution(second, other.header(), work.resolve("second")),
              sameTime ? Bisection.Compared.ALL : Bisection.Compared.ALL_BUT_DEVICES);
      Optional<Bisection.Difference> found = bisection.find(one.header().start().count(), last);
      if (json) {
        out.println(new JsonMapper().writeValueAsString(fields(found.orElse(null), last)));
      } else if (found.isPresent()) {
        show(found.get(), out);
      } else {
        out.println("the executions are the same up to branch count " + last);
      }
      return found.isPresent();
    }
  }

  private static Execution execution(Path log, LogHeader header, Path file) {
    MachineFolder folder = new MachineFolder(log);
    MachineConfig config = folder.config(header, new MachineOptions());
    return new Execution(
        new Execution.Machines() {
          @Override
          public Machine start() {
            return folder.open(config, header);
          }

          @Override
          public Machine restore(Path checkpoint) {
            return folder.open(config, header, checkpoint);
          }
        },
        log,
        file);
  }

  private static Map<String, @Nullable Object> fields(
      Bisection.@Nullable Difference found, long last) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put("executions_differ", found != null);
    fields.put("compared_to_count", last);
    if (found != null) {
      fields.put("differences", found.differences());
      fields.put("agreed", found.agreed() == null ? null : StandReport.fields(found.agreed()));
      fields.put("first", StandReport.fields(found.first()));
      fields.put("second", StandReport.fields(found.second()));
    }
    return fields;
  }

  private static void show(Bisection.Difference found, PrintStream out) {
    MachineView agreed = found.agreed();
    if (agreed == null) {
      out.println("the executions differ from their start on");
    } else {
      out.println("the executions are the same up to");
      out.println("  " + agreed.at());
      out.println("where the next instructions are");
      DivergenceReport.indented(Listing.code(agreed), out);
    }
    out.println("then they differ: " + String.join(", ", found.differences()));
    side("first", found.first(), out);
    side("second", found.second(), out);
    if (agreed != null) {
      registers(found, out);
    }
  }

  private static void side(String name, MachineView view, PrintStream out) {
    out.println("%s: at %s, %d ns".formatted(name, view.at(), view.virtualNanos()));
    DivergenceReport.indented(Listing.registers(view), out);
    DivergenceReport.indented(Listing.code(view), out);
  }

  private static void registers(Bisection.Difference found, PrintStream out) {
    Map<String, Long> second = found.second().registers();
    List<String> names =
        found.first().registers().entrySet().stream()
            .filter(it -> !it.getValue().equals(second.get(it.getKey())))
            .map(Map.Entry::getKey)
            .toList();
    out.println(
        names.isEmpty()
            ? "the registers shown are the same"
            : "registers that differ: " + String.join(", ", names));
  }
}
