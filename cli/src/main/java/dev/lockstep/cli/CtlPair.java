package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.FailoverVmRequest;
import dev.lockstep.ft.control.proto.ProtectVmRequest;
import dev.lockstep.ft.control.proto.UnprotectVmRequest;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep ctl protect|unprotect|failover}: a pair's life. */
final class CtlPair {
  private CtlPair() {}

  /** {@code ctl protect}. */
  @Command(
      name = "protect",
      description = "Brings a backup in while the guest runs, and waits until it is protected.")
  static final class Protect extends CtlVmCall {
    @Parameters(
        index = "1",
        paramLabel = "HOST:PORT",
        description = "Where the standby listens: a backup that waits.")
    private String standby = "";

    @Option(
        names = "--max-pause",
        paramLabel = "MILLIS",
        description =
            "How long the guest may stand still while this and later backups join, 1 to 60000 (default: as before).")
    private @Nullable Integer maxPauseMillis;

    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      ProtectVmRequest.Builder request =
          ProtectVmRequest.newBuilder().setVm(vm()).setStandby(standby);
      if (maxPauseMillis != null) {
        request.setMaxPauseMillis(maxPauseMillis);
      }
      report.vm(
          client.address(),
          endpoints.call(client, calls -> calls.protectVm(request.build())).getVm());
    }
  }

  /** {@code ctl unprotect}. */
  @Command(name = "unprotect", description = "Goes on without a backup.")
  static final class Unprotect extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      UnprotectVmRequest request = UnprotectVmRequest.newBuilder().setVm(vm()).build();
      report.vm(
          client.address(), endpoints.call(client, calls -> calls.unprotectVm(request)).getVm());
    }
  }

  /** {@code ctl failover}. */
  @Command(
      name = "failover",
      description = "Moves the guest to its backup, without loss, and waits until it is there.")
  static final class Failover extends CtlVmCall {
    @Override
    void at(ControlClient client, Endpoints endpoints, CtlReport report) {
      FailoverVmRequest request = FailoverVmRequest.newBuilder().setVm(vm()).build();
      report.vm(
          client.address(), endpoints.call(client, calls -> calls.failoverVm(request)).getVm());
    }
  }
}
