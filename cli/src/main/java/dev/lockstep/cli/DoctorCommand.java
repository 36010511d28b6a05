package dev.lockstep.cli;

import dev.lockstep.cli.doctor.CounterCalibration;
import dev.lockstep.cli.doctor.Diagnosis;
import dev.lockstep.cli.doctor.Examination;
import dev.lockstep.counting.host.HostFactsReader;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.vmm.engine.HostCounter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep doctor}: what this host can do. */
@Command(
    name = "doctor",
    description = {
      "Tells what this host can do for Lockstep, found by trying: each line says what, how good (ok, limited, missing), what it means and what to do. Ends with the engine that --engine auto takes, and why.",
      "Changes nothing (--calibrate writes its profile). Exit status 0, whatever was found.",
    },
    sortOptions = false)
final class DoctorCommand implements Callable<Integer> {
  @Option(
      names = "--kvm-device",
      paramLabel = "FILE",
      description = "KVM's device (default: /dev/kvm).")
  private Path device = Kvm.DEVICE;

  @Option(
      names = "--calibrate",
      description =
          "Instead: runs known code to see how exact the branch counter is and how late its overflows come, with histograms, and saves a profile if it is exact. Takes some seconds.")
  private boolean calibrate;

  @Option(
      names = "--profile",
      paramLabel = "FILE",
      description =
          "Where --calibrate saves the counter's profile (default: lockstep/counter in $XDG_STATE_HOME or ~/.local/state, where the other commands look for it).")
  private @Nullable Path profile;

  @Option(names = "--json", description = "The result as one line of JSON.")
  private boolean json;

  @Override
  public Integer call() {
    if (calibrate) {
      return calibrate();
    }
    Diagnosis diagnosis = Examination.of(device, GuestImage.location());
    if (json) {
      diagnosis.printJson(System.out);
    } else {
      diagnosis.print(System.out);
    }
    return ExitStatus.OK;
  }

  private int calibrate() {
    Path file = profile != null ? profile : HostCounter.defaultProfile();
    CounterCalibration done =
        CounterCalibration.run(device, new HostFactsReader(Path.of("/")).read(), file);
    if (json) {
      System.out.println(new JsonMapper().writeValueAsString(done.values()));
    } else {
      done.lines().forEach(System.out::println);
    }
    return ExitStatus.OK;
  }
}
