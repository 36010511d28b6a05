package dev.lockstep.cli;

import dev.lockstep.vmm.trace.TraceBound;
import dev.lockstep.vmm.trace.TraceKind;
import dev.lockstep.vmm.trace.TraceSelection;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What of an execution is wanted. */
final class TraceOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--what",
      split = ",",
      paramLabel = "KIND",
      description =
          "What to collect: instructions, branches, memory, calls (system calls), interrupts (and exceptions), ports, context (changes of CR3), entries (of the event log), or all. Default: instructions, branches, calls, interrupts, ports, context, entries.")
  private List<String> what = List.of();

  @Option(names = "--ring", split = ",", paramLabel = "0..3", description = "Only these rings.")
  private List<Integer> rings = List.of();

  @Option(
      names = "--address",
      split = ",",
      paramLabel = "RANGE",
      description = "Only instructions at these addresses: FIRST-LAST or FIRST+BYTES.")
  private List<String> addresses = List.of();

  @Option(
      names = "--cr3",
      split = ",",
      paramLabel = "ADDRESS",
      description = "Only the processes with these page tables.")
  private List<String> pageTables = List.of();

  @Option(
      names = "--from",
      paramLabel = "BOUND",
      description =
          "Begin there: COUNT or COUNT@RIP (an execution point), entry:NUMBER (of the event log), time:SECONDS (virtual), instruction:NUMBER.")
  private @Nullable String from;

  @Option(names = "--to", paramLabel = "BOUND", description = "End there; as --from.")
  private @Nullable String to;

  @Option(
      names = "--count",
      paramLabel = "INSTRUCTIONS",
      description = "End after so many instructions.")
  private long count = Long.MAX_VALUE;

  /**
   * What they say.
   *
   * @throws ParameterException if that is impossible
   */
  TraceSelection selection() {
    try {
      Set<Long> tables = new LinkedHashSet<>();
      pageTables.forEach(text -> tables.add(TraceSelection.address(text)));
      List<TraceSelection.Range> ranges = new ArrayList<>();
      addresses.forEach(text -> ranges.add(TraceSelection.Range.parse(text)));
      return new TraceSelection(
          kinds(),
          Set.copyOf(rings),
          ranges,
          tables,
          from == null ? null : TraceBound.parse(from),
          to == null ? null : TraceBound.parse(to),
          count);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private Set<TraceKind> kinds() {
    Set<TraceKind> kinds = EnumSet.noneOf(TraceKind.class);
    if (what.isEmpty()) {
      kinds.addAll(EnumSet.complementOf(EnumSet.of(TraceKind.MEMORY)));
    }
    for (String word : what) {
      boolean known = word.equals("all");
      for (TraceKind kind : TraceKind.values()) {
        if (known || kind.word().equals(word)) {
          kinds.add(kind);
        }
      }
      if (!known && kinds.stream().noneMatch(kind -> kind.word().equals(word))) {
        throw new IllegalArgumentException("'%s' is nothing that can be traced".formatted(word));
      }
    }
    return kinds;
  }
}
