package dev.lockstep.cli;

import dev.lockstep.cli.ctl.CallException;
import dev.lockstep.cli.ctl.Endpoints;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/** What every command of {@code lockstep ctl} does: finds its endpoints, and ends with a status that tells how its call failed. */
@Command(sortOptions = false)
abstract class CtlCall implements Callable<Integer> {
  @ParentCommand private CtlCommand ctl = new CtlCommand();

  @Override
  public final Integer call() {
    try (Endpoints endpoints = ctl.endpoints()) {
      run(endpoints, new CtlReport(System.out, ctl.json()));
      return ExitStatus.OK;
    } catch (CallException e) {
      throw new StatusException(status(e.kind()), e);
    }
  }

  /** Does it. */
  abstract void run(Endpoints endpoints, CtlReport report);

  private static int status(CallException.Kind kind) {
    return switch (kind) {
      case INVALID -> ExitStatus.USAGE;
      case NO_SUCH_VM -> ExitStatus.NO_SUCH_VM;
      case WRONG_STATE -> ExitStatus.WRONG_STATE;
      case BUSY -> ExitStatus.BUSY;
      case UNAVAILABLE -> ExitStatus.UNAVAILABLE;
      case DEFECT -> ExitStatus.SOFTWARE;
    };
  }
}
