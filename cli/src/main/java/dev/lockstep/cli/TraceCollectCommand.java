package dev.lockstep.cli;

import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.log.LogEnding;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.trace.TraceCollector;
import dev.lockstep.vmm.trace.TracedLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep trace collect}: replays a recorded run and writes down what it executes. */
@Command(
    name = "collect",
    description = {
      "Replays what 'lockstep record' recorded and writes a trace file of what the guest executes. The replay is compared with the log to its end, as by 'lockstep replay': collecting changes nothing.",
      "The file holds what the guest's memory held: keep it as safe as the guest. Without --what memory it is small.",
    },
    sortOptions = false)
final class TraceCollectCommand implements Callable<Integer> {
  @Option(
      names = "--log",
      paramLabel = "FOLDER",
      required = true,
      description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "A new file for the trace.")
  private Path out = Path.of("");

  @Option(names = "--json", description = "Print the result as one line of JSON.")
  private boolean json;

  @Mixin private final TraceOptions traceOptions = new TraceOptions();
  @Mixin private final MachineOptions machineOptions = new MachineOptions();

  @Override
  public Integer call() {
    var selection = traceOptions.selection();
    try (OpenedLog opened = OpenedLog.onSoft(log, machineOptions);
        TraceCollector collector = new TraceCollector(out, opened.header(), selection)) {
      return collect(opened, collector);
    }
  }

  /** Keeps the file only if there is something of the log in it. */
  private int collect(OpenedLog opened, TraceCollector collector) {
    boolean kept = false;
    try (Machine machine =
        opened
            .folder()
            .open(
                new MachineFactory(EngineChoice.SOFT, collector.engine()),
                opened.config(),
                opened.header())) {
      int status = replay(machine, opened.source(), collector);
      kept = true;
      return status;
    } catch (DivergenceException | StatusException e) {
      kept = true;
      throw e;
    } finally {
      if (!kept) {
        discard();
      }
    }
  }

  private void discard() {
    try {
      Files.deleteIfExists(out);
    } catch (IOException e) {
      System.err.println("lockstep: the trace file '%s' is of no use".formatted(out));
    }
  }

  private int replay(Machine machine, FileLogSource source, TraceCollector collector) {
    long began = System.nanoTime();
    @Nullable RuntimeException failure = null;
    try (Signals signals = new Signals()) {
      signals.on("INT", machine::stop);
      signals.on("TERM", machine::stop);
      machine.follow(
          new TracedLog(source, collector),
          new DirectGate((stream, offset, bytes) -> {}),
          MachineMode.REPLAY);
      await(machine);
    } catch (RuntimeException e) {
      failure = e;
    }
    // Also of a replay that failed: what led there is what one wants to see.
    collector.finish();
    if (failure != null) {
      throw failure;
    }
    report(machine, collector, (System.nanoTime() - began) / 1e9);
    return conclude(source);
  }

  private static MachineEnd await(Machine machine) {
    try {
      return machine.ended().get();
    } catch (ExecutionException e) {
      throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private void report(Machine machine, TraceCollector collector, double seconds) {
    MachineStatus status = machine.status();
    double rate = status.instructions() / Math.max(seconds, 1e-9);
    new Report()
        .add("seconds", "host time", "%.3f s".formatted(seconds), seconds)
        .add("replayed_instructions", "replayed instructions", status.instructions())
        .add("instructions_per_second", "per second", "%,.0f".formatted(rate), rate)
        .add("trace_bytes", "trace bytes", collector.bytesWritten())
        .print(System.err, json);
  }

  private static int conclude(FileLogSource source) {
    LogEnding ending = source.peek() == null ? source.ending() : null;
    if (ending == null) {
      System.err.println("lockstep: the replay was left before the log's end");
      return ExitStatus.INTERRUPTED;
    }
    if (ending.kind() != LogEnding.Kind.COMPLETE) {
      throw new StatusException(ExitStatus.DATA, ending.asException());
    }
    System.err.println("lockstep: the replay is identical to the recording");
    return ExitStatus.OK;
  }
}
