package dev.lockstep.cli;

import static dev.lockstep.cli.ControlCallsTest.fails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.cli.ctl.CallException;
import dev.lockstep.cli.ctl.ConsoleFollow;
import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.cli.ctl.Recovery;
import dev.lockstep.ft.control.proto.Event;
import dev.lockstep.ft.control.proto.FailoverVmRequest;
import dev.lockstep.ft.control.proto.GetMetricsRequest;
import dev.lockstep.ft.control.proto.ImageState;
import dev.lockstep.ft.control.proto.KillVmRequest;
import dev.lockstep.ft.control.proto.PauseVmRequest;
import dev.lockstep.ft.control.proto.ProtectVmRequest;
import dev.lockstep.ft.control.proto.ProtectionReason;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import dev.lockstep.ft.control.proto.ResumeVmRequest;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.control.proto.StopVmRequest;
import dev.lockstep.ft.control.proto.UnprotectVmRequest;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.control.proto.WatchEventsRequest;
import dev.lockstep.ft.control.proto.WatchEventsResponse;
import io.grpc.Status;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A pair whose replicas are steered at two control ports: its states in the field's words, its failover as a consumer of the console sees it, its recovery. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class ControlPairTest {
  @TempDir Path folder;
  private ControlRig a;
  private ControlRig b;
  private Path arbiter;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @BeforeEach
  void open() throws Exception {
    a = new ControlRig(folder, "a");
    b = new ControlRig(folder, "b");
    arbiter = Files.createDirectory(folder.resolve("arbiter"));
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    for (ControlRig rig : List.of(a, b)) {
      Path disk = folder.resolve(rig == a ? "disk-a" : "disk-b");
      Files.write(disk, new byte[1 << 20]);
      rig.create("web", kernel, disk);
    }
  }

  @AfterEach
  void close() {
    a.close();
    b.close();
  }

  private void pair() {
    VmStatus backup = b.startBackup("web", arbiter);
    assertThat(backup.getRole()).isEqualTo(VmRole.VM_ROLE_BACKUP);
    assertThat(backup.getProtection()).isEqualTo(ProtectionState.PROTECTION_STATE_STARTING);
    a.startPrimary("web", arbiter, backup.getReplication().getListenAddress(), false);
    awaitProtection(a, ProtectionState.PROTECTION_STATE_PROTECTED);
  }

  private static void awaitProtection(ControlRig rig, ProtectionState state) {
    await().until(() -> rig.status("web").getProtection() == state);
  }

  private Endpoints endpoints() {
    return new Endpoints(List.of(a.client.address(), b.client.address()), 30_000);
  }

  /** What a consumer of the console gets. */
  private static final class Collected implements ConsoleFollow.Sink {
    private final ByteArrayOutputStream seen = new ByteArrayOutputStream();

    @Override
    public synchronized void accept(long offset, byte[] bytes) {
      if (offset != seen.size()) {
        throw new IllegalStateException("byte %d after %d".formatted(offset, seen.size()));
      }
      seen.writeBytes(bytes);
    }

    @Override
    public void note(String sentence) {}

    synchronized String text() {
      return seen.toString(StandardCharsets.ISO_8859_1);
    }
  }

  @Test
  void theConsoleIsFollowedToTheSurvivorWithoutLossOrRepeat() throws Exception {
    pair();
    Collected seen = new Collected();
    try (Endpoints endpoints = endpoints();
        ConsoleFollow follow = new ConsoleFollow(endpoints, "web", 0, true, seen)) {
      Thread following = Thread.ofVirtual().start(() -> run(follow));
      type(follow, "before ");
      await().until(() -> seen.text().equals("before "));
      assertThat(endpoints.of("web").address()).isEqualTo(a.client.address());
      a.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
      await().until(() -> b.status("web").getLive());
      VmStatus survivor = b.status("web");
      assertThat(survivor.getRole()).isEqualTo(VmRole.VM_ROLE_PRIMARY);
      assertThat(survivor.getProtection()).isEqualTo(ProtectionState.PROTECTION_STATE_NEED_BACKUP);
      assertThat(survivor.getReason()).isEqualTo(ProtectionReason.PROTECTION_REASON_PRIMARY_LOST);
      assertThat(endpoints.of("web").address()).isEqualTo(b.client.address());
      type(follow, "after Q");
      following.join();
      assertThat(seen.text()).isEqualTo("before after Q");
      await().until(() -> b.status("web").getState() == VmState.VM_STATE_ENDED);
      assertThat(b.status("web").getEnd().getExitCode()).isEqualTo(7);
      assertThat(a.status("web").getEnd().getReason()).isEqualTo("killed");
    }
  }

  @Test
  void whatAnEndedGuestHasLeftIsReadToItsEnd() throws Exception {
    pair();
    ControlRig.OpenConsole typing = a.console("web", 0);
    typing.type("all of itQ");
    await().until(typing::ended);
    assertThat(typing.end()).isEqualTo("guest_exit");
    await().until(() -> a.status("web").getState() == VmState.VM_STATE_ENDED);
    await().until(() -> b.status("web").getState() == VmState.VM_STATE_ENDED);
    Collected seen = new Collected();
    try (Endpoints endpoints = endpoints();
        ConsoleFollow follow = new ConsoleFollow(endpoints, "web", -1, true, seen)) {
      follow.run();
    }
    assertThat(seen.text()).isEqualTo("all of itQ");
    a.create("silent", new TinyGuest().exit(0).write(folder.resolve("silent")));
    try (Endpoints endpoints = endpoints();
        ConsoleFollow never = new ConsoleFollow(endpoints, "silent", -1, true, seen)) {
      assertThat(
              org.assertj.core.api.Assertions.catchThrowableOfType(CallException.class, never::run)
                  .kind())
          .isEqualTo(CallException.Kind.WRONG_STATE);
    }
    a.start("silent");
    await().until(() -> a.status("silent").getState() == VmState.VM_STATE_ENDED);
    try (Endpoints endpoints = endpoints();
        ConsoleFollow nothing = new ConsoleFollow(endpoints, "silent", -1, true, seen)) {
      nothing.run();
    }
  }

  private static void run(ConsoleFollow follow) {
    try {
      follow.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void type(ConsoleFollow follow, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    await().until(() -> follow.type(bytes));
  }

  @Test
  void aPrimaryIsPausedStoppedAndMeasured() throws Exception {
    pair();
    ControlRig.OpenConsole console = a.console("web", 0);
    console.type("x");
    await().until(() -> console.text().equals("x"));
    String metrics = a.calls().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
    assertThat(metrics)
        .contains("lockstep_replication_lag_milliseconds{vm=\"web\"}")
        .contains("lockstep_replication_lag_entries{vm=\"web\"}")
        .contains("lockstep_replication_held_outputs{vm=\"web\"} 0.0")
        .containsPattern("lockstep_replication_log_bytes_total\\{vm=\"web\"} [1-9]")
        .contains("lockstep_output_commit_latency_seconds_count{vm=\"web\"} 1")
        .contains("lockstep_output_commit_latency_seconds_bucket{vm=\"web\",le=\"+Inf\"} 1")
        .containsPattern("lockstep_vm_info\\{.*protection=\"protected\".*role=\"primary\".*} 1");
    assertThat(
            a.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build()).getVm().getState())
        .isEqualTo(VmState.VM_STATE_PAUSED);
    console.type("y");
    assertThat(console.text()).isEqualTo("x");
    a.calls().resumeVm(ResumeVmRequest.newBuilder().setVm("web").build());
    await().until(() -> console.text().equals("xy"));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "is a backup here, and a pause is for its primary. Ask the primary.",
        () -> b.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build()));
    VmStatus ended =
        a.calls()
            .stopVm(StopVmRequest.newBuilder().setVm("web").setGraceMillis(10).build())
            .getVm();
    assertThat(ended.getEnd().getReason()).isEqualTo("stopped");
    await().until(() -> b.status("web").getState() == VmState.VM_STATE_ENDED);
  }

  @Test
  void aLostBackupIsToldAndWatched() throws Exception {
    pair();
    List<Event> seen = new ArrayList<>();
    Iterator<WatchEventsResponse> events =
        a.client
            .calls()
            .withDeadlineAfter(60, TimeUnit.SECONDS)
            .watchEvents(WatchEventsRequest.newBuilder().setVm("web").build());
    assertThat(events.next().getEvent().getChanged().getProtection())
        .as("as it is")
        .isEqualTo(ProtectionState.PROTECTION_STATE_PROTECTED);
    b.calls().stopVm(StopVmRequest.newBuilder().setVm("web").build());
    assertThat(b.status("web").getEnd().getReason()).isEqualTo("left");
    while (seen.isEmpty()
        || seen.getLast().getChanged().getProtection()
            != ProtectionState.PROTECTION_STATE_NEED_BACKUP) {
      seen.add(events.next().getEvent());
    }
    assertThat(seen.getLast().getChanged().getReason())
        .isEqualTo(ProtectionReason.PROTECTION_REASON_BACKUP_LEFT);
    b.startBackup("web", arbiter);
    String again = b.status("web").getReplication().getListenAddress();
    fails(
        Status.Code.INVALID_ARGUMENT,
        "is no address",
        () ->
            a.calls()
                .protectVm(ProtectVmRequest.newBuilder().setVm("web").setStandby("there").build()));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "",
        () -> a.calls().failoverVm(FailoverVmRequest.newBuilder().setVm("web").build()));
    a.calls().protectVm(ProtectVmRequest.newBuilder().setVm("web").setStandby(again).build());
    assertThat(a.status("web").getProtection())
        .isEqualTo(ProtectionState.PROTECTION_STATE_PROTECTED);
    a.calls().failoverVm(FailoverVmRequest.newBuilder().setVm("web").build());
    await().until(() -> b.status("web").getLive());
    assertThat(a.status("web").getLive()).as("where it was before").isFalse();
    fails(
        Status.Code.FAILED_PRECONDITION,
        "is a backup here",
        () -> a.calls().unprotectVm(UnprotectVmRequest.newBuilder().setVm("web").build()));
    b.calls().unprotectVm(UnprotectVmRequest.newBuilder().setVm("web").build());
    assertThat(b.status("web").getProtection())
        .isEqualTo(ProtectionState.PROTECTION_STATE_NOT_PROTECTED);
    assertThat(b.status("web").getReason())
        .isEqualTo(ProtectionReason.PROTECTION_REASON_USER_ACTION);
  }

  @Test
  void afterTheLossOfBothTheRightImageIsNamedAndStarted() throws Exception {
    pair();
    a.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    await().until(() -> b.status("web").getLive());
    b.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    RecoverVmRequest ask = RecoverVmRequest.newBuilder().setVm("web").build();
    try (Endpoints endpoints = endpoints()) {
      Recovery recovery = Recovery.ask(endpoints, ask);
      assertThat(recovery.right().orElseThrow().client().address()).isEqualTo(b.client.address());
      assertThat(recovery.verdict()).contains("the images at " + b.client.address());
    }
    fails(
        Status.Code.FAILED_PRECONDITION,
        "the other replica's image is the right one",
        () -> a.calls().recoverVm(start(folder.resolve("disk-b"))));
    RecoverVmResponse started = b.calls().recoverVm(start(folder.resolve("disk-a")));
    assertThat(started.getImages(0).getState()).isEqualTo(ImageState.IMAGE_STATE_LIVE);
    await().until(() -> b.status("web").getLive());
    assertThat(b.status("web").getReplication().getEpoch()).isGreaterThan(2);
    fails(
        Status.Code.FAILED_PRECONDITION,
        "is running",
        () -> b.calls().recoverVm(start(folder.resolve("disk-a"))));
    b.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
  }

  @Test
  void aBackupsImageIsNoReasonToStartFromItAlone() throws Exception {
    pair();
    b.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    a.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    RecoverVmResponse told =
        b.calls().recoverVm(RecoverVmRequest.newBuilder().setVm("web").build());
    assertThat(told.getImages(0).getState()).isEqualTo(ImageState.IMAGE_STATE_IN_SYNC);
    assertThat(told.getStartable()).isFalse();
    RecoverVmRequest alone = start(folder.resolve("disk-b"));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "only if the primary's are lost",
        () -> b.calls().recoverVm(alone));
    assertThat(b.calls().recoverVm(alone.toBuilder().setForce(true).build()).getVm().getState())
        .isIn(VmState.VM_STATE_STARTING, VmState.VM_STATE_RUNNING);
    await().until(() -> b.status("web").getLive());
  }

  private RecoverVmRequest start(Path other) {
    return RecoverVmRequest.newBuilder()
        .setVm("web")
        .addOthers(other.toString())
        .setStart(
            StartPrimary.newBuilder()
                .setReplica(
                    dev.lockstep.ft.control.proto.ReplicaOptions.newBuilder()
                        .setArbiterPath(arbiter.toString())))
        .build();
  }

  @Test
  void aReplicaWithoutAnArbiterIsRefused() {
    fails(
        Status.Code.INVALID_ARGUMENT,
        "no arbiter is given for VM 'web'",
        () ->
            a.calls()
                .startVm(
                    dev.lockstep.ft.control.proto.StartVmRequest.newBuilder()
                        .setVm("web")
                        .setStart(
                            dev.lockstep.ft.control.proto.StartOptions.newBuilder()
                                .setPrimary(StartPrimary.getDefaultInstance()))
                        .build()));
  }

  @Test
  void anEndpointThatIsDownDoesNotHideTheOther() throws Exception {
    pair();
    b.server.close();
    try (Endpoints endpoints = endpoints()) {
      assertThat(endpoints.of("web").address()).isEqualTo(a.client.address());
    }
    a.server.close();
    try (Endpoints endpoints = endpoints()) {
      CallException nobody =
          org.assertj.core.api.Assertions.catchThrowableOfType(
              CallException.class, () -> endpoints.of("web"));
      assertThat(nobody.kind()).isEqualTo(CallException.Kind.UNAVAILABLE);
      assertThat(nobody).hasMessageContaining("nobody serves a control port at");
    }
  }
}
