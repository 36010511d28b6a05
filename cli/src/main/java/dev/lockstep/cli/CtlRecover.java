package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.cli.ctl.Recovery;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.Words;
import dev.lockstep.ft.control.proto.DiskImage;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep ctl recover}: after both replicas of a VM were lost, which image is the right one to go on with. */
@Command(
    name = "recover",
    description = {
      "After both replicas of a VM were lost: says which disk image is the right one, by the markers beside the images of every endpoint, and starts the VM there when told to.",
      "Name every host's endpoint: an image that nobody asked about could be newer.",
    })
final class CtlRecover extends CtlCall {
  @Parameters(paramLabel = "VM", description = "The VM's name.")
  private String vm = "";

  @Option(
      names = "--start",
      description =
          "Start it at the right endpoint, as a primary that runs at once, not protected.")
  private boolean start;

  @Option(
      names = "--other",
      paramLabel = "IMAGE",
      description =
          "An image of the other replica that the endpoint's host can read, in place of an endpoint of its own; may be repeated.")
  private List<Path> others = new ArrayList<>();

  @Option(
      names = "--force",
      description =
          "Start the best there is although it may not be the right one, and lose what was written since.")
  private boolean force;

  @Mixin private final StartFlags flags = new StartFlags();

  @Override
  void run(Endpoints endpoints, CtlReport report) {
    RecoverVmRequest.Builder ask = RecoverVmRequest.newBuilder().setVm(vm);
    others.forEach(image -> ask.addOthers(image.toAbsolutePath().normalize().toString()));
    Recovery recovery = Recovery.ask(endpoints, ask.build());
    print(recovery, report);
    if (!start) {
      return;
    }
    Optional<Recovery.Answer> right = force ? recovery.best() : recovery.right();
    if (right.isEmpty()) {
      throw new StatusException(
          ExitStatus.WRONG_STATE,
          new VmmException(
              "VM '%s' is not started: %s".formatted(vm, recovery.verdict()),
              "Name the endpoints of all its hosts; --force starts the best there is."));
    }
    ControlClient client = right.get().client();
    RecoverVmRequest go = ask.setStart(flags.asPrimary()).setForce(force).build();
    RecoverVmResponse started = endpoints.call(client, calls -> calls.recoverVm(go));
    report.vm(client.address(), started.getVm());
  }

  private static void print(Recovery recovery, CtlReport report) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("ENDPOINT", "IMAGE", "STATE", "EPOCH"));
    for (Recovery.Answer answer : recovery.answers()) {
      for (DiskImage image : answer.response().getImagesList()) {
        rows.add(
            List.of(
                answer.client().address().toString(),
                image.getPath(),
                Words.of(image.getState()),
                Long.toString(image.getEpoch())));
      }
      Map<String, @Nullable Object> values =
          new LinkedHashMap<>(dev.lockstep.cli.ctl.ProtoValues.of(answer.response()));
      values.put("right", recovery.right().filter(answer::equals).isPresent());
      report.object(answer.client().address(), values);
    }
    report.table(rows);
    report.line(recovery.verdict());
  }
}
