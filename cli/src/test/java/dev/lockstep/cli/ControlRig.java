package dev.lockstep.cli;

import dev.lockstep.cli.control.HostedVms;
import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.ControlServer;
import dev.lockstep.ft.control.proto.ConsoleOpen;
import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceBlockingStub;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.GetVmRequest;
import dev.lockstep.ft.control.proto.OpenConsoleRequest;
import dev.lockstep.ft.control.proto.OpenConsoleResponse;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.control.proto.StartBackup;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.control.proto.StartVmRequest;
import dev.lockstep.ft.control.proto.VmStatus;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A daemon's VMs behind a real socket, in this process. */
final class ControlRig implements AutoCloseable {
  private static final long CALL_SECONDS = 60;

  final HostedVms vms;
  final ControlServer server;
  final ControlClient client;
  final Path folder;

  ControlRig(Path folder, String name) {
    this(folder, name, new SnapshotFolders());
  }

  ControlRig(Path folder, String name, SnapshotFolders snapshots) {
    this.folder = folder;
    vms = new HostedVms(folder.resolve("vms-" + name), snapshots, "test");
    Path socket = folder.resolve(name + ".sock");
    server = ControlServer.start(vms, List.of(new ControlAddress.Socket(socket)));
    client = new ControlClient(new ControlAddress.Socket(socket));
  }

  /** A configuration's text. A pair is patient: a host that is busy with tests is no failure; what dies here closes its links. */
  static String config(String vm, Path kernel, Path... disks) {
    String drives =
        String.join(
            ", ",
            IntStream.range(0, disks.length)
                .mapToObj(
                    i -> "{\"drive_id\": \"d%d\", \"path_on_host\": \"%s\"}".formatted(i, disks[i]))
                .toList());
    return """
    {
      "boot-source": {"kernel_image_path": "%s"},
      "drives": [%s],
      "machine-config": {"name": "%s", "mem_size_mib": 64, "engine": "soft"},
      "replication": {"silence_millis": 15000, "ack_timeout_millis": 15000, "max_lag_millis": 60000}
    }
    """
        .formatted(kernel, drives, vm);
  }

  /** Calls that are given up after a while, so that a test ends. */
  ControlServiceBlockingStub calls() {
    return client.calls().withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS);
  }

  VmStatus create(String vm, Path kernel, Path... disks) {
    return calls()
        .createVm(CreateVmRequest.newBuilder().setConfigJson(config(vm, kernel, disks)).build())
        .getVm();
  }

  VmStatus start(String vm) {
    return calls().startVm(StartVmRequest.newBuilder().setVm(vm).build()).getVm();
  }

  VmStatus startBackup(String vm, Path arbiter) {
    return calls()
        .startVm(
            StartVmRequest.newBuilder()
                .setVm(vm)
                .setStart(
                    StartOptions.newBuilder()
                        .setBackup(StartBackup.newBuilder().setReplica(replica("", arbiter))))
                .build())
        .getVm();
  }

  VmStatus startPrimary(String vm, Path arbiter, String peer, boolean unprotected) {
    return calls()
        .startVm(
            StartVmRequest.newBuilder()
                .setVm(vm)
                .setStart(
                    StartOptions.newBuilder()
                        .setPrimary(
                            StartPrimary.newBuilder()
                                .setReplica(replica(peer, arbiter))
                                .setUnprotected(unprotected)))
                .build())
        .getVm();
  }

  private static ReplicaOptions.Builder replica(String peer, Path arbiter) {
    return ReplicaOptions.newBuilder().setPeer(peer).setArbiterPath(arbiter.toString());
  }

  VmStatus status(String vm) {
    return calls().getVm(GetVmRequest.newBuilder().setVm(vm).build()).getVm();
  }

  /** Opens a console from an offset on. */
  OpenConsole console(String vm, long from) {
    return new OpenConsole(client, vm, from);
  }

  @Override
  public void close() {
    client.close();
    server.close();
    vms.close();
  }

  /** An open console that remembers what came. */
  static final class OpenConsole implements StreamObserver<OpenConsoleResponse> {
    private final StreamObserver<OpenConsoleRequest> to;
    private final ByteArrayOutputStream seen = new ByteArrayOutputStream();
    private final List<Long> offsets = new ArrayList<>();
    private String end = "";
    private @Nullable Throwable failure;
    private boolean ended;

    OpenConsole(ControlClient client, String vm, long from) {
      this(client, ConsoleOpen.newBuilder().setVm(vm).setFromOffset(from).build());
    }

    OpenConsole(ControlClient client, ConsoleOpen open) {
      to = client.streams().openConsole(this);
      to.onNext(OpenConsoleRequest.newBuilder().setOpen(open).build());
    }

    void type(String text) {
      to.onNext(
          OpenConsoleRequest.newBuilder()
              .setInput(com.google.protobuf.ByteString.copyFrom(text, StandardCharsets.ISO_8859_1))
              .build());
    }

    /** Ends the call as a client does that dies. */
    void vanish() {
      to.onError(new IllegalStateException("gone"));
    }

    @Override
    public synchronized void onNext(OpenConsoleResponse response) {
      if (response.hasOutput()) {
        offsets.add(response.getOutput().getOffset() + response.getOutput().getData().size());
        seen.writeBytes(response.getOutput().getData().toByteArray());
      }
      if (response.hasEnded()) {
        end = response.getEnded().getReason();
      }
    }

    @Override
    public synchronized void onError(Throwable t) {
      failure = t;
      ended = true;
    }

    @Override
    public synchronized void onCompleted() {
      ended = true;
    }

    synchronized String text() {
      return seen.toString(StandardCharsets.ISO_8859_1);
    }

    /** How the run ended, as the console was told. */
    synchronized String end() {
      return end;
    }

    synchronized boolean ended() {
      return ended;
    }

    synchronized @Nullable Throwable failure() {
      return failure;
    }
  }
}
