package dev.lockstep.cli;

import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceBlockingStub;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.GetVmRequest;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.control.proto.StartBackup;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.control.proto.VmStatus;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code lockstep daemon --dashboard} in a process of its own, with a client of its control port. */
final class DashboardRig implements AutoCloseable {
  private static final Pattern URL =
      Pattern.compile("the dashboard is (http://127\\.0\\.0\\.1:\\d+/\\?token=\\S+)\\R");

  private static final long CALL_SECONDS = 60;

  private final Command daemon;
  private final ControlClient client;

  /** What it printed: the address with the token. */
  final String url;

  DashboardRig(Path folder, String name) throws IOException {
    Path socket = folder.resolve(name + ".sock");
    daemon =
        Command.start(
            folder,
            "daemon",
            "--socket",
            socket.toString(),
            "--folder",
            folder.resolve("vms-" + name).toString(),
            "--dashboard",
            "0");
    await("the dashboard of " + name)
        .until(() -> !daemon.running() || URL.matcher(daemon.err()).find());
    Matcher printed = URL.matcher(daemon.err());
    if (!printed.find()) {
      daemon.close();
      throw new AssertionError("no dashboard: " + daemon.err());
    }
    url = printed.group(1);
    client = new ControlClient(new ControlAddress.Socket(socket));
  }

  /** Its address without the token. */
  String origin() {
    return "http://127.0.0.1:" + port();
  }

  int port() {
    return URI.create(url).getPort();
  }

  private ControlServiceBlockingStub calls() {
    return client.calls().withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS);
  }

  VmStatus status(String vm) {
    return calls().getVm(GetVmRequest.newBuilder().setVm(vm).build()).getVm();
  }

  /** Creates a VM. */
  void create(String vm, Path kernel) {
    calls().createVm(CreateVmRequest.newBuilder().setConfigJson(config(vm, kernel)).build());
  }

  /** Creates a VM and starts it. */
  void start(String vm, Path kernel, StartOptions options) {
    calls()
        .createVm(
            CreateVmRequest.newBuilder()
                .setConfigJson(config(vm, kernel))
                .setStart(options)
                .build());
  }

  private static String config(String vm, Path kernel) {
    return ControlRig.config(vm, kernel);
  }

  static StartOptions alone() {
    return StartOptions.getDefaultInstance();
  }

  static StartOptions backup(Path arbiter) {
    return StartOptions.newBuilder()
        .setBackup(
            StartBackup.newBuilder()
                .setReplica(ReplicaOptions.newBuilder().setArbiterPath(arbiter.toString())))
        .build();
  }

  static StartOptions primary(Path arbiter, String peer) {
    return StartOptions.newBuilder()
        .setPrimary(
            StartPrimary.newBuilder()
                .setReplica(
                    ReplicaOptions.newBuilder().setArbiterPath(arbiter.toString()).setPeer(peer)))
        .build();
  }

  @Override
  public void close() {
    client.close();
    daemon.close();
  }
}
