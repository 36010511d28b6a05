package dev.lockstep.cli;

import dev.lockstep.cli.control.ControlPort;
import dev.lockstep.cli.control.HostedVms;
import dev.lockstep.cli.control.PairMeans;
import dev.lockstep.cli.dashboard.Dashboard;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.ThreadPriority;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep daemon}: hosts VMs that the control port creates, starts and stops. */
@Command(
    name = "daemon",
    description = {
      "Hosts VMs in one process and serves the control port, on a Unix socket if nothing else is said. 'lockstep ctl' talks to it.",
      "--dashboard shows the VMs in a browser of this host.",
      "SIGTERM asks every guest to shut down (Ctrl-Alt-Del) and ends those that do not; a second one ends them at once.",
    },
    sortOptions = false)
final class DaemonCommand implements Callable<Integer> {
  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description =
          "The control port's Unix socket, mode 0600 (default: $XDG_RUNTIME_DIR/lockstep/control.sock, or /run/lockstep/control.sock for root).")
  private @Nullable Path socket;

  @Option(
      names = "--folder",
      paramLabel = "FOLDER",
      description =
          "Keeps the VMs' definitions there (default: $XDG_STATE_HOME/lockstep/vms, or ~/.local/state/lockstep/vms).")
  private @Nullable Path folder;

  @Mixin private final ControlOptions controlOptions = new ControlOptions();
  @Mixin private final EtcdOptions etcd = new EtcdOptions();

  private final CountDownLatch ending = new CountDownLatch(1);
  private final AtomicBoolean begun = new AtomicBoolean();
  private final AtomicInteger status = new AtomicInteger(ExitStatus.OK);

  @Override
  public Integer call() throws InterruptedException {
    ThreadPriority.makeProcessUrgent();
    controlOptions.ask(socket);
    try (HostedVms vms =
            new HostedVms(
                folder(),
                new SnapshotFolders(),
                Version.version(),
                new PairMeans(text -> etcd.arbiter("the arbiter", text), controlOptions.tls()));
        ControlPort _ =
            ControlPort.serve(
                vms,
                controlOptions.addresses(),
                controlOptions.metrics(),
                sentence -> System.err.println("lockstep: " + sentence));
        @Nullable Dashboard _ = controlOptions.dashboard(vms);
        Signals _ =
            new Signals()
                .on("INT", () -> end(vms, ExitStatus.INTERRUPTED))
                .on("HUP", () -> end(vms, ExitStatus.TERMINATED))
                .on("TERM", () -> end(vms, ExitStatus.OK))) {
      ending.await();
      return status.get();
    }
  }

  private void end(HostedVms vms, int exitStatus) {
    if (!begun.compareAndSet(false, true)) {
      ending.countDown();
      return;
    }
    status.set(exitStatus);
    try {
      vms.shutDown(MachineSession.GRACE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ending.countDown();
    }
  }

  private Path folder() {
    if (folder != null) {
      return folder;
    }
    String state = System.getenv("XDG_STATE_HOME");
    String home = System.getProperty("user.home");
    if (state != null && !state.isEmpty()) {
      return Path.of(state, "lockstep", "vms");
    }
    if (home == null || home.isEmpty()) {
      throw new VmmException(
          "there is no home folder, so there is no usual place for the VMs' definitions",
          "Name one by --folder.");
    }
    return Path.of(home, ".local", "state", "lockstep", "vms");
  }
}
