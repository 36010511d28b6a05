package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.DeleteVmRequest;
import dev.lockstep.ft.control.proto.DeleteVmResponse;
import dev.lockstep.ft.control.proto.KillVmRequest;
import dev.lockstep.ft.control.proto.PauseVmRequest;
import dev.lockstep.ft.control.proto.ResumeVmRequest;
import dev.lockstep.ft.control.proto.StartVmRequest;
import dev.lockstep.ft.control.proto.StopVmRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep ctl create|delete|start|pause|resume|stop|kill}: a VM's life. */
final class CtlLifecycle {
  private CtlLifecycle() {}

  /** {@code ctl create}. */
  @Command(
      name = "create",
      description =
          "Defines a VM by a configuration (machine.json); relative paths in it are relative to the configuration's folder. Or by a snapshot, from which it goes on at once.")
  static final class Create extends CtlCall {
    @Parameters(arity = "0..1", paramLabel = "FILE", description = "The configuration, JSON.")
    private @Nullable Path file;

    @Option(
        names = "--from",
        paramLabel = "FOLDER",
        description =
            "In place of a configuration: a snapshot's folder, on the host that is to run the VM. The VM has its name and copies of its disks, and is started, alone or as a primary.")
    private @Nullable Path from;

    @Option(names = "--start", description = "Start it as well, as the options below say.")
    private boolean start;

    @Mixin private final StartFlags flags = new StartFlags();

    @Override
    void run(Endpoints endpoints, CtlReport report) {
      ControlClient client = endpoints.sole("creating a VM");
      CreateVmRequest.Builder request = CreateVmRequest.newBuilder();
      if (from != null && file == null) {
        request
            .setSnapshotFolder(from.toAbsolutePath().normalize().toString())
            .setStart(flags.options());
      } else if (from == null && file != null) {
        if (start) {
          request.setStart(flags.options());
        } else {
          flags.requireNone("--start");
        }
        Path absolute = file.toAbsolutePath().normalize();
        request.setConfigJson(read(absolute)).setBaseFolder(String.valueOf(absolute.getParent()));
      } else {
        throw StartFlags.usage("give either a configuration or --from", "create");
      }
      report.vm(
          client.address(),
          endpoints.call(client, calls -> calls.createVm(request.build())).getVm());
    }

    private static String read(Path file) {
      try {
        return Files.readString(file);
      } catch (NoSuchFileException e) {
        throw new VmmException(
            "the configuration '%s' does not exist".formatted(file), "Check the path.", e);
      } catch (IOException e) {
        throw new VmmException(
            "the configuration '%s' cannot be read: %s".formatted(file, e.getMessage()),
            "Give the path of a JSON file.",
            e);
      }
    }
  }

  /** {@code ctl delete}. */
  @Command(name = "delete", description = "Forgets a VM that does not run. Its disks stay.")
  static final class Delete extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      DeleteVmRequest request = DeleteVmRequest.newBuilder().setVm(vm()).build();
      DeleteVmResponse deleted = endpoints.call(client, calls -> calls.deleteVm(request));
      report.object(client.address(), deleted);
      report.line("%s: deleted".formatted(vm()));
    }
  }

  /** {@code ctl start}. */
  @Command(
      name = "start",
      description = "Powers a VM on, alone if nothing else is said, or makes it a backup.")
  static final class Start extends CtlVmCall {
    @Mixin private final StartFlags flags = new StartFlags();

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      StartVmRequest request =
          StartVmRequest.newBuilder().setVm(vm()).setStart(flags.options()).build();
      report.vm(client.address(), endpoints.call(client, calls -> calls.startVm(request)).getVm());
    }
  }

  /** {@code ctl pause}. */
  @Command(name = "pause", description = "Stops a VM between two instructions, and its time.")
  static final class Pause extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      PauseVmRequest request = PauseVmRequest.newBuilder().setVm(vm()).build();
      report.vm(client.address(), endpoints.call(client, calls -> calls.pauseVm(request)).getVm());
    }
  }

  /** {@code ctl resume}. */
  @Command(name = "resume", description = "Lets a paused VM run on.")
  static final class Resume extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      ResumeVmRequest request = ResumeVmRequest.newBuilder().setVm(vm()).build();
      report.vm(client.address(), endpoints.call(client, calls -> calls.resumeVm(request)).getVm());
    }
  }

  /** {@code ctl stop}. */
  @Command(
      name = "stop",
      description = "Asks the guest to shut down (Ctrl-Alt-Del), and ends it if it does not.")
  static final class Stop extends CtlVmCall {
    @Option(
        names = "--grace",
        paramLabel = "SECONDS",
        description =
            "How long the guest may take, 0 to 600; 0: it is not asked (default: 20). Give a --timeout that is longer.")
    private @Nullable Double graceSeconds;

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      StopVmRequest.Builder request = StopVmRequest.newBuilder().setVm(vm());
      if (graceSeconds != null) {
        request.setGraceMillis((int) Math.clamp(graceSeconds * 1000, 0, Integer.MAX_VALUE));
      }
      report.vm(
          client.address(), endpoints.call(client, calls -> calls.stopVm(request.build())).getVm());
    }
  }

  /** {@code ctl kill}. */
  @Command(
      name = "kill",
      description = "Ends a VM where it is live, at once, as a crash would. Its backup takes over.")
  static final class Kill extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      KillVmRequest request = KillVmRequest.newBuilder().setVm(vm()).build();
      report.vm(client.address(), endpoints.call(client, calls -> calls.killVm(request)).getVm());
    }
  }
}
