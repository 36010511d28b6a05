package dev.lockstep.cli;

import dev.lockstep.vmm.trace.BlockSummary;
import dev.lockstep.vmm.trace.TraceFile;
import dev.lockstep.vmm.trace.TraceHeader;
import dev.lockstep.vmm.trace.TraceKind;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep trace stats}: what a trace file has. */
@Command(
    name = "stats",
    description = "Prints what a trace file is of, and how much it has, from its index.",
    sortOptions = false)
final class TraceStatsCommand implements Callable<Integer> {
  @Parameters(paramLabel = "FILE", description = "What 'lockstep trace collect' wrote.")
  private Path file = Path.of("");

  @Option(names = "--json", description = "As one line of JSON.")
  private boolean json;

  @Override
  public Integer call() {
    try (TraceFile trace = TraceDumpCommand.open(file)) {
      TraceHeader header = trace.header();
      Report report =
          new Report()
              .add("vm", "machine", header.vm())
              .add("log", "log", "%016x".formatted(header.logHash()))
              .add("cpu_model", "CPU model", header.cpuModel())
              .add("semantics", "branch semantics", header.semantics().name())
              .add("selection", "selection", header.selection())
              .add("bytes", "bytes", trace.bytes())
              .add("blocks", "blocks", (long) trace.blocks().size());
      for (TraceKind kind : TraceKind.values()) {
        if (kind != TraceKind.BRANCHES && wanted(header, kind)) {
          report.add(kind.word(), kind.word(), count(trace, kind));
        }
      }
      long instructions = count(trace, TraceKind.INSTRUCTIONS);
      if (instructions > 0) {
        double each = (double) trace.bytes() / instructions;
        report.add("bytes_per_instruction", "bytes/instruction", "%.4f".formatted(each), each);
      }
      report.print(System.out, json);
      return TraceDumpCommand.damage(trace);
    }
  }

  /** Whether a kind is told: instructions are counted for branches and accesses too. */
  private static boolean wanted(TraceHeader header, TraceKind kind) {
    return header.kinds().contains(kind) || kind == TraceKind.INSTRUCTIONS;
  }

  private static long count(TraceFile trace, TraceKind kind) {
    return trace.blocks().stream().mapToLong((BlockSummary block) -> block.count(kind)).sum();
  }
}
