package dev.lockstep.cli;

import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.debug.DebugServer;
import dev.lockstep.vmm.debug.TimeTravel;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.ReplayCursor;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.trace.SymbolTable;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep debug}: a recorded run under gdb. */
@Command(
    name = "debug",
    description = {
      "Lets gdb attach to a replay of what 'lockstep record' recorded: breakpoints, watchpoints, steps, forwards and backwards. The replay is not changed by it: writes are refused.",
      "In gdb: target remote HOST:PORT. 'monitor help' lists what can be asked about the log. Detaching leaves the replay where it is for the next gdb; 'kill' ends this command, as Ctrl-C does.",
      "Who can connect reads the guest's memory: listen on this host only, or on a socket's path.",
    },
    sortOptions = false)
final class DebugCommand implements Callable<Integer> {
  @Option(
      names = "--log",
      paramLabel = "FOLDER",
      required = true,
      description = "The folder that record wrote.")
  private Path log = Path.of("");

  @Option(
      names = "--listen",
      paramLabel = "ADDRESS",
      defaultValue = "localhost:1234",
      description =
          "Where gdb connects: HOST:PORT, or the path of a socket to be made. Default: ${DEFAULT-VALUE}.")
  private String listen = "";

  @Option(
      names = "--symbols",
      paramLabel = "FILE",
      description =
          "Name addresses in what 'monitor' answers by this System.map, or by this vmlinux or other ELF file. gdb itself is given an ELF file by 'add-symbol-file'.")
  private @Nullable Path symbols;

  @Mixin private final MachineOptions machineOptions = new MachineOptions();

  @Override
  public Integer call() throws InterruptedException {
    SymbolTable names = symbols == null ? SymbolTable.EMPTY : SymbolTable.read(symbols);
    try (OpenedLog opened = OpenedLog.onSoft(log, machineOptions);
        Machine machine =
            opened.folder().open(opened.config(), opened.header(), DiskUse.REWINDABLE);
        ReplayCursor cursor = machine.navigate(from -> new FileLogSource(log, from));
        DebugServer server = DebugServer.listen(listen)) {
      System.err.printf(
          "lockstep: in gdb: target remote %s   (Ctrl-C here ends it)%n", server.target());
      return serve(server, cursor, names);
    }
  }

  private static int serve(DebugServer server, ReplayCursor cursor, SymbolTable names)
      throws InterruptedException {
    AtomicInteger status = new AtomicInteger(ExitStatus.OK);
    try (Signals signals = new Signals()) {
      Runnable stop =
          () -> {
            status.set(ExitStatus.INTERRUPTED);
            server.stop();
            cursor.interrupt();
          };
      signals.on("INT", stop).on("TERM", stop);
      server.serve(new TimeTravel(cursor, Runtime.getRuntime().maxMemory() / 2), names);
    }
    return status.get();
  }
}
