package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.ft.control.ControlClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** A command about one VM, at the endpoint where it is live. */
@Command(sortOptions = false)
abstract class CtlVmCall extends CtlCall {
  @Parameters(index = "0", paramLabel = "VM", description = "The VM's name.")
  private String vm = "";

  /** The VM's name. */
  final String vm() {
    return vm;
  }

  @Override
  void run(Endpoints endpoints, CtlReport report) {
    at(endpoints.of(vm), endpoints, report);
  }

  /** Does it at an endpoint. */
  abstract void at(ControlClient client, Endpoints endpoints, CtlReport report);
}
