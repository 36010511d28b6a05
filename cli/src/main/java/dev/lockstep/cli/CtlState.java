package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.RestoreVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.vmm.config.MemorySize;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
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
      description = {
        "Writes a snapshot with copies of the disks; the guest stands still meanwhile, and a pair stays one.",
        "With --at-backup the backup writes it of what it has replayed: the guest runs on, but its outputs wait for the replay.",
      })
  static final class Snapshot extends CtlCall {
    @Parameters(index = "0", paramLabel = "VM", description = "The VM's name.")
    private String vm = "";

    @Parameters(
        index = "1",
        paramLabel = "FOLDER",
        description = "A new folder, on the host that runs the VM; with --keep that of a series.")
    private Path folder = Path.of("");

    @Option(
        names = "--keep",
        paramLabel = "N",
        description =
            "Make it the next of a series in FOLDER, named by its time, and keep only the VM's newest N there.")
    private @Nullable Integer keep;

    @Option(names = "--at-backup", description = "Let the VM's backup write it.")
    private boolean atBackup;

    @Override
    void run(Endpoints endpoints, CtlReport report) {
      ControlClient client = atBackup ? endpoints.backupOf(vm) : endpoints.of(vm);
      if (keep != null && keep < 1) {
        throw new StatusException(
            ExitStatus.USAGE,
            new VmmException(
                "--keep %d keeps nothing".formatted(keep), "Keep at least the one that is taken."));
      }
      SnapshotVmRequest request =
          SnapshotVmRequest.newBuilder()
              .setVm(vm)
              .setFolder(absolute(folder))
              .setKeep(keep == null ? 0 : keep)
              .build();
      SnapshotVmResponse taken = endpoints.call(client, calls -> calls.snapshotVm(request));
      report.object(client.address(), taken);
      report.line(
          "%s: snapshot in '%s' (%s), at entry %,d; %s stood still for %,d ms"
              .formatted(
                  vm,
                  taken.getFolder(),
                  MemorySize.format(taken.getStateBytes()),
                  taken.getNextEntry(),
                  taken.getRole() == VmRole.VM_ROLE_BACKUP ? "the backup" : "the guest",
                  taken.getPauseNanos() / 1_000_000));
    }
  }

  /** {@code ctl restore}. */
  @Command(
      name = "restore",
      description = {
        "Starts a VM that does not run from a snapshot of it.",
        "It gets copies of the snapshot's disks; the disks it had before stay as they are.",
        "A pair is stopped first, its backup before its primary; with --primary the VM goes on as a pair's primary, and a new backup joins it.",
      })
  static final class Restore extends CtlVmCall {
    @Parameters(
        index = "1",
        paramLabel = "FOLDER",
        description = "A snapshot's folder, on the host that runs the VM.")
    private Path folder = Path.of("");

    @Mixin private final StartFlags flags = new StartFlags();

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      RestoreVmRequest request =
          RestoreVmRequest.newBuilder()
              .setVm(vm())
              .setFolder(absolute(folder))
              .setStart(flags.options())
              .build();
      report.vm(
          client.address(), endpoints.call(client, calls -> calls.restoreVm(request)).getVm());
    }
  }
}
