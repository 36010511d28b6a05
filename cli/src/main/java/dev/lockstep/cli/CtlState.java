package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.RestoreVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.vmm.config.MemorySize;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code lockstep ctl snapshot|restore}: a VM's state in a folder. */
final class CtlState {
  private CtlState() {}

  private static String absolute(Path folder) {
    return folder.toAbsolutePath().normalize().toString();
  }

  /** {@code ctl snapshot}. */
  @Command(
      name = "snapshot",
      description = "Writes a snapshot with copies of the disks; the guest stands still meanwhile.")
  static final class Snapshot extends CtlVmCall {
    @Parameters(
        index = "1",
        paramLabel = "FOLDER",
        description = "A new folder, on the host that runs the VM.")
    private Path folder = Path.of("");

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      SnapshotVmRequest request =
          SnapshotVmRequest.newBuilder().setVm(vm()).setFolder(absolute(folder)).build();
      SnapshotVmResponse taken = endpoints.call(client, calls -> calls.snapshotVm(request));
      report.object(client.address(), taken);
      report.line(
          "%s: snapshot in '%s' (%s), the guest stood still for %,d ms"
              .formatted(
                  vm(),
                  taken.getFolder(),
                  MemorySize.format(taken.getStateBytes()),
                  taken.getPauseNanos() / 1_000_000));
    }
  }

  /** {@code ctl restore}. */
  @Command(
      name = "restore",
      description = {
        "Starts a VM that does not run from a snapshot of it.",
        "It gets copies of the snapshot's disks; the disks it had before stay as they are.",
      })
  static final class Restore extends CtlVmCall {
    @Parameters(
        index = "1",
        paramLabel = "FOLDER",
        description = "A snapshot's folder, on the host that runs the VM.")
    private Path folder = Path.of("");

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      RestoreVmRequest request =
          RestoreVmRequest.newBuilder().setVm(vm()).setFolder(absolute(folder)).build();
      report.vm(
          client.address(), endpoints.call(client, calls -> calls.restoreVm(request)).getVm());
    }
  }
}
