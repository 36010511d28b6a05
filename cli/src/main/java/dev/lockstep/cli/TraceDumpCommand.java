package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.trace.BlockSummary;
import dev.lockstep.vmm.trace.ChampSimExporter;
import dev.lockstep.vmm.trace.JsonLinesExporter;
import dev.lockstep.vmm.trace.SymbolTable;
import dev.lockstep.vmm.trace.TextExporter;
import dev.lockstep.vmm.trace.TimelineExporter;
import dev.lockstep.vmm.trace.TraceExporter;
import dev.lockstep.vmm.trace.TraceFile;
import dev.lockstep.vmm.trace.TraceKind;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep trace dump}: a trace in a form for people and programs. */
@Command(
    name = "dump",
    description = {
      "Prints a trace file on standard output.",
      "text: a line a record. jsonl: a JSON object a line. timeline: one JSON document for chrome://tracing and Perfetto, of system calls, interrupts, ports, context switches and log entries over virtual time. champsim: a trace for the simulator ChampSim, which has instructions, branches and memory accesses alone; it reads it from a file, or from one that gzip or xz made of it.",
    },
    sortOptions = false)
final class TraceDumpCommand implements Callable<Integer> {
  /** The form of what is printed. */
  enum Format {
    TEXT,
    JSONL,
    TIMELINE,
    CHAMPSIM
  }

  private static final int BUFFER_BYTES = 1 << 16;
  private static final int CHECK_MASK = 0xffff;

  @Parameters(paramLabel = "FILE", description = "What 'lockstep trace collect' wrote.")
  private Path file = Path.of("");

  @Option(names = "--format", description = "text, jsonl, timeline or champsim. Default: text.")
  private Format format = Format.TEXT;

  @Option(
      names = "--symbols",
      paramLabel = "FILE",
      description = "Name addresses by this System.map, or by this vmlinux or other ELF file.")
  private @Nullable Path symbols;

  @Option(
      names = "--first",
      paramLabel = "INSTRUCTION",
      description = "Begin with the record of this instruction's number.")
  private long first;

  @Option(
      names = "--last",
      paramLabel = "INSTRUCTION",
      description = "End with the records of this instruction's number.")
  private long last = Long.MAX_VALUE;

  private long given;

  @Override
  public Integer call() {
    SymbolTable names = symbols == null ? SymbolTable.EMPTY : SymbolTable.read(symbols);
    try (TraceFile trace = open(file)) {
      PrintStream out =
          new PrintStream(
              new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER_BYTES),
              false,
              StandardCharsets.UTF_8);
      dump(trace, exporter(trace, out, names), out);
      out.flush();
      return damage(trace);
    }
  }

  /** Opens a trace; what is wrong with its content has the status of bad data. */
  static TraceFile open(Path file) {
    try {
      return new TraceFile(file);
    } catch (VmmException e) {
      if (Files.isReadable(file)) {
        throw new StatusException(ExitStatus.DATA, e);
      }
      throw e;
    }
  }

  /** Says so if a trace is torn. */
  static int damage(TraceFile trace) {
    String damage = trace.damage();
    if (damage == null) {
      return ExitStatus.OK;
    }
    System.err.println("lockstep: the trace file is not whole: " + damage);
    System.err.println("  Its collector was killed, or the file was cut; collect it again.");
    return ExitStatus.DATA;
  }

  private TraceExporter exporter(TraceFile trace, PrintStream out, SymbolTable names) {
    return switch (format) {
      case CHAMPSIM -> champSim(trace, out);
      case TEXT -> new TextExporter(out, names);
      case JSONL -> new JsonLinesExporter(out, names);
      case TIMELINE -> new TimelineExporter(out, names);
    };
  }

  private static TraceExporter champSim(TraceFile trace, PrintStream out) {
    ChampSimExporter exporter = new ChampSimExporter(out, trace.header().kinds());
    if (!trace.header().kinds().contains(TraceKind.MEMORY)) {
      System.err.println(
          "lockstep: the trace has no memory accesses, so that its instructions will neither load nor store");
      System.err.println("  Collect it with '--what instructions,branches,memory'.");
    }
    return exporter;
  }

  private void dump(TraceFile trace, TraceExporter exporter, PrintStream out) {
    List<BlockSummary> blocks = trace.blocks();
    int begin = 0;
    int end = blocks.size();
    while (begin + 1 < end && blocks.get(begin + 1).instruction() <= first) {
      begin++;
    }
    while (end > begin && blocks.get(end - 1).instruction() > last) {
      end--;
    }
    try {
      trace.read(
          begin,
          end,
          record -> {
            long instruction = record.at().instruction();
            if (instruction >= first && instruction <= last) {
              exporter.accept(record);
            }
            // Asking flushes.
            if ((++given & CHECK_MASK) == 0 && out.checkError()) {
              throw new VmmException(
                  "standard output cannot be written",
                  "Keep its reader running, or send it to a file.");
            }
          });
    } catch (VmmException e) {
      exporter.finish();
      throw out.checkError() ? e : new StatusException(ExitStatus.DATA, e);
    }
    exporter.finish();
  }
}
