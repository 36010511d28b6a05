package dev.lockstep.cli;

import dev.lockstep.cli.doctor.Diagnosis;
import dev.lockstep.cli.doctor.Examination;
import dev.lockstep.kvm.Kvm;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep doctor}: what this host can do. */
@Command(
    name = "doctor",
    description = {
      "Tells what this host can do for Lockstep, found by trying: each line says what, how good (ok, limited, missing), what it means and what to do. Ends with the engine that --engine auto takes, and why.",
      "Changes nothing. Exit status 0, whatever was found.",
    },
    sortOptions = false)
final class DoctorCommand implements Callable<Integer>, DebugOption.Carrier {
  @Option(
      names = "--kvm-device",
      paramLabel = "FILE",
      description = "KVM's device (default: /dev/kvm).")
  private Path device = Kvm.DEVICE;

  @Option(names = "--json", description = "The result as one line of JSON.")
  private boolean json;

  @Mixin private final DebugOption debug = new DebugOption();

  @Override
  public boolean debug() {
    return debug.debug();
  }

  @Override
  public Integer call() {
    debug.apply();
    Diagnosis diagnosis = Examination.of(device, GuestImage.location());
    if (json) {
      diagnosis.printJson(System.out);
    } else {
      diagnosis.print(System.out);
    }
    return ExitStatus.OK;
  }
}
