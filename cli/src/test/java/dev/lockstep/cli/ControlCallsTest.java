package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.lockstep.ft.control.ControlLimits;
import dev.lockstep.ft.control.proto.ConsoleOpen;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.DeleteVmRequest;
import dev.lockstep.ft.control.proto.GetMetricsRequest;
import dev.lockstep.ft.control.proto.KillVmRequest;
import dev.lockstep.ft.control.proto.ListVmsRequest;
import dev.lockstep.ft.control.proto.PauseVmRequest;
import dev.lockstep.ft.control.proto.RestoreVmRequest;
import dev.lockstep.ft.control.proto.ResumeVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StopVmRequest;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.control.proto.WatchEventsRequest;
import dev.lockstep.ft.control.proto.WatchEventsResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The control port's calls on machines without replication, through a real socket: what they do, and what a caller is told who gets something wrong. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class ControlCallsTest {
  @TempDir Path folder;
  private ControlRig rig;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @BeforeEach
  void open() {
    rig = new ControlRig(folder, "a");
  }

  @AfterEach
  void close() {
    rig.close();
  }

  private Path echo() throws Exception {
    return new TinyGuest().print("hello\n").echoUntil('Q').exit(5).write(folder.resolve("echo"));
  }

  private Path spin() throws Exception {
    return new TinyGuest().print("on").spin().write(folder.resolve("spin"));
  }

  @Test
  void aVmIsCreatedStartedUsedAndDeleted() throws Exception {
    VmStatus created = rig.create("web", echo());
    assertThat(created.getState()).isEqualTo(VmState.VM_STATE_CREATED);
    assertThat(rig.start("web").getState()).isEqualTo(VmState.VM_STATE_RUNNING);
    ControlRig.OpenConsole console = rig.console("web", 0);
    await().until(() -> console.text().equals("hello\n"));
    VmStatus running = rig.status("web");
    assertThat(running.getRole()).isEqualTo(VmRole.VM_ROLE_ALONE);
    assertThat(running.getLive()).isTrue();
    assertThat(running.getMachine().getExitsOrThrow("port_write")).isGreaterThanOrEqualTo(6);
    console.type("abcQ");
    console.type("late");
    await().until(console::ended);
    assertThat(console.failure()).isNull();
    assertThat(console.text()).isEqualTo("hello\nabcQ");
    await().until(() -> rig.status("web").getState() == VmState.VM_STATE_ENDED);
    assertThat(rig.status("web").getEnd().getReason()).isEqualTo("guest_exit");
    assertThat(rig.status("web").getEnd().getExitCode()).isEqualTo(5);
    assertThat(rig.start("web").getState()).as("again").isEqualTo(VmState.VM_STATE_RUNNING);
    fails(Status.Code.FAILED_PRECONDITION, "is running", () -> delete("web"));
    rig.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    assertThat(rig.status("web").getEnd().getReason()).isEqualTo("killed");
    delete("web");
    assertThat(rig.calls().listVms(ListVmsRequest.getDefaultInstance()).getVmsList()).isEmpty();
  }

  @Test
  void aPausedGuestStandsAndGoesOn() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    await().until(() -> rig.status("web").getMachine().getInstructions() > 1000);
    VmStatus paused = rig.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build()).getVm();
    assertThat(paused.getState()).isEqualTo(VmState.VM_STATE_PAUSED);
    long stands = rig.status("web").getMachine().getInstructions();
    assertThat(rig.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build()).getVm())
        .as("again")
        .extracting(VmStatus::getState)
        .isEqualTo(VmState.VM_STATE_PAUSED);
    rig.calls()
        .snapshotVm(
            SnapshotVmRequest.newBuilder()
                .setVm("web")
                .setFolder(folder.resolve("paused").toString())
                .build());
    assertThat(rig.status("web").getMachine().getInstructions())
        .as("still paused after a snapshot")
        .isEqualTo(stands);
    VmStatus resumed =
        rig.calls().resumeVm(ResumeVmRequest.newBuilder().setVm("web").build()).getVm();
    assertThat(resumed.getState()).isEqualTo(VmState.VM_STATE_RUNNING);
    await().until(() -> rig.status("web").getMachine().getInstructions() > stands);
  }

  @Test
  void aGuestThatDoesNotShutDownIsEnded() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    VmStatus ended =
        rig.calls()
            .stopVm(StopVmRequest.newBuilder().setVm("web").setGraceMillis(50).build())
            .getVm();
    assertThat(ended.getState()).isEqualTo(VmState.VM_STATE_ENDED);
    assertThat(ended.getEnd().getReason()).isEqualTo("stopped");
  }

  @Test
  void aDeadlineIsKeptAndWhatWasBegunGoesOn() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    fails(
        Status.Code.DEADLINE_EXCEEDED,
        "",
        () ->
            rig.client
                .calls()
                .withDeadlineAfter(200, TimeUnit.MILLISECONDS)
                .stopVm(StopVmRequest.newBuilder().setVm("web").setGraceMillis(1_000).build()));
    assertThat(rig.status("web").getState()).isEqualTo(VmState.VM_STATE_RUNNING);
    await().until(() -> rig.status("web").getState() == VmState.VM_STATE_ENDED);
  }

  @Test
  void aSnapshotIsGoneOnFromAsOftenAsOneLikes() throws Exception {
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    rig.create("web", echo(), disk);
    rig.start("web");
    ControlRig.OpenConsole console = rig.console("web", 0);
    console.type("ab");
    await().until(() -> console.text().equals("hello\nab"));
    Path snapshot = folder.resolve("snapshot");
    SnapshotVmResponse taken = snapshot("web", snapshot);
    assertThat(taken.getStateBytes()).isPositive();
    assertThat(Files.getPosixFilePermissions(snapshot)).hasSize(3);
    fails(
        Status.Code.FAILED_PRECONDITION,
        "holds a machine already",
        () -> snapshot("web", snapshot));
    Path used = Files.createDirectory(folder.resolve("used"));
    Path mine = Files.writeString(used.resolve("d0.img"), "mine");
    fails(Status.Code.FAILED_PRECONDITION, "cannot be kept", () -> snapshot("web", used));
    assertThat(mine).as("what was there before").hasContent("mine");
    assertThat(used.resolve("machine.json")).doesNotExist();
    fails(Status.Code.FAILED_PRECONDITION, "is running", () -> restore("web", snapshot));
    rig.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    for (int i = 0; i < 2; i++) {
      assertThat(restore("web", snapshot).getState()).isEqualTo(VmState.VM_STATE_RUNNING);
      ControlRig.OpenConsole again = rig.console("web", "hello\nab".length());
      again.type("cdQ");
      await().until(again::ended);
      assertThat(again.text()).isEqualTo("cdQ");
      await().until(() -> rig.status("web").getState() == VmState.VM_STATE_ENDED);
    }
    assertThat(Files.list(folder.resolve("vms-a").resolve("web")).map(Path::getFileName))
        .as("disks that were restored")
        .contains(Path.of("restored-1"), Path.of("restored-2"));
    Files.write(snapshot.resolve("state.snapshot"), new byte[10]);
    fails(Status.Code.FAILED_PRECONDITION, "is not a snapshot", () -> restore("web", snapshot));
    assertThat(folder.resolve("vms-a").resolve("web").resolve("restored-3"))
        .as("what a restore leaves that failed")
        .doesNotExist();
    rig.create("other", folder.resolve("echo"));
    fails(Status.Code.INVALID_ARGUMENT, "is of VM 'web'", () -> restore("other", snapshot));
  }

  @Test
  void callsThatDoNotFitSayWhatToDo() throws Exception {
    Path kernel = echo();
    fails(Status.Code.NOT_FOUND, "there is no VM 'none' here", () -> rig.status("none"));
    fails(Status.Code.INVALID_ARGUMENT, "no VM is named", () -> rig.status(""));
    fails(Status.Code.INVALID_ARGUMENT, "characters", () -> rig.status("x".repeat(1000)));
    rig.create("web", kernel);
    fails(
        Status.Code.ALREADY_EXISTS, "there is a VM 'web' already", () -> rig.create("web", kernel));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "does not run (it is created). Start it first.",
        () -> rig.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build()));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "does not run",
        () -> rig.calls().stopVm(StopVmRequest.newBuilder().setVm("web").build()));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "grace_millis",
        () ->
            rig.calls()
                .stopVm(
                    StopVmRequest.newBuilder().setVm("web").setGraceMillis(2_000_000_000).build()));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "is no absolute path",
        () -> snapshot("web", Path.of("relative")));
    rig.start("web");
    fails(Status.Code.FAILED_PRECONDITION, "is running", () -> rig.start("web"));
    fails(
        Status.Code.FAILED_PRECONDITION,
        "runs alone, without replication",
        () ->
            rig.calls()
                .failoverVm(
                    dev.lockstep.ft.control.proto.FailoverVmRequest.newBuilder()
                        .setVm("web")
                        .build()));
    Files.delete(kernel);
    rig.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
    fails(Status.Code.FAILED_PRECONDITION, "kernel", () -> rig.start("web"));
  }

  @Test
  void aWrongConfigurationIsToldWithLineAndColumn() throws Exception {
    fails(Status.Code.INVALID_ARGUMENT, "config:2:", () -> create("{\n \"drivez\": []}"));
    fails(Status.Code.INVALID_ARGUMENT, "not JSON", () -> create("{"));
    fails(Status.Code.INVALID_ARGUMENT, "no kernel is named", () -> create("{}"));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "is relative",
        () -> create("{\"boot-source\": {\"kernel_image_path\": \"vmlinuz\"}}"));
    fails(Status.Code.INVALID_ARGUMENT, "more than", () -> create(" ".repeat((1 << 20) + 1)));
    fails(Status.Code.RESOURCE_EXHAUSTED, "", () -> create(" ".repeat(2 << 20)));
    Path kernel = echo();
    CreateVmRequest relative =
        CreateVmRequest.newBuilder()
            .setConfigJson(ControlRig.config("web", kernel.getFileName()))
            .setBaseFolder(folder.toString())
            .build();
    assertThat(rig.calls().createVm(relative).getVm().getName()).isEqualTo("web");
    rig.start("web");
  }

  @Test
  void aBadConsoleIsRefused() throws Exception {
    rig.create("web", echo());
    ControlRig.OpenConsole early = rig.console("web", 0);
    await().until(early::ended);
    assertThat(code(early)).isEqualTo(Status.Code.FAILED_PRECONDITION);
    ControlRig.OpenConsole unknown = rig.console("none", 0);
    await().until(unknown::ended);
    assertThat(code(unknown)).isEqualTo(Status.Code.NOT_FOUND);
    rig.start("web");
    ControlRig.OpenConsole console = rig.console("web", 0);
    console.type("x".repeat(20_000));
    await().until(console::ended);
    assertThat(code(console)).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(rig.status("web").getState()).isEqualTo(VmState.VM_STATE_RUNNING);
  }

  @Test
  void aConsoleOfBytesThatAreGoneIsOutOfRange() throws Exception {
    Path flood =
        new TinyGuest()
            .emit(0xba, 0xf8, 0x03, 0, 0) // mov edx, 0x3f8
            .emit(0xb9, 0x00, 0x00, 0x18, 0x00) // mov ecx, 0x180000
            .emit(0xb0, 'x', 0xee, 0xff, 0xc9, 0x75, 0xf9) // mov al, 'x'; out dx, al; dec ecx; jnz
            .echoUntil('Q')
            .exit(0)
            .write(folder.resolve("flood"));
    rig.create("web", flood);
    rig.start("web");
    await().until(() -> rig.status("web").getConsole().getEndOffset() == 0x180000);
    ControlRig.OpenConsole console = rig.console("web", 0);
    await().until(console::ended);
    assertThat(code(console)).isEqualTo(Status.Code.OUT_OF_RANGE);
    long oldest = rig.status("web").getConsole().getOldestOffset();
    assertThat(oldest).isPositive();
    ControlRig.OpenConsole kept = rig.console("web", oldest);
    await().until(() -> kept.text().length() == 0x180000 - oldest);
  }

  @Test
  void aClientThatGoesAwayLeavesNothingBehind() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    ControlRig.OpenConsole one = rig.console("web", 0);
    ControlRig.OpenConsole other = rig.console("web", 0);
    await().until(() -> one.text().equals("on") && other.text().equals("on"));
    assertThat(rig.server.openStreams()).isEqualTo(2);
    // It fills the guest's queue of inputs, so that the server waits for the guest, then dies.
    for (int i = 0; i < 200; i++) {
      one.type("y".repeat(16_000));
    }
    await().until(() -> threadDump().contains("ConsoleCall.type"));
    one.vanish();
    await().until(() -> rig.server.openStreams() == 1);
    rig.client.close();
    await().until(() -> rig.server.openStreams() == 0);
    // Virtual threads too: those that sent, and the one that waited for the guest to take input.
    await().until(() -> !threadDump().contains("ConsoleCall"));
  }

  private String threadDump() throws Exception {
    Path file = folder.resolve("threads-" + System.nanoTime());
    ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
        .dumpThreads(file.toString(), HotSpotDiagnosticMXBean.ThreadDumpFormat.TEXT_PLAIN);
    return Files.readString(file);
  }

  @Test
  void aWatcherThatIsTooSlowIsToldWhatItMissed() throws Exception {
    rig.create("web", echo());
    SlowWatcher watcher = new SlowWatcher();
    rig.client
        .streams()
        .watchEvents(WatchEventsRequest.newBuilder().setAfterSequence(0).build(), watcher);
    await().until(() -> rig.server.openStreams() == 1);
    int notes = 20_000;
    for (int i = 0; i < notes; i++) {
      rig.vms.events().note("web", "x".repeat(500));
    }
    watcher.readOn();
    // Everything is seen or counted as missed: the creation, and the notes.
    await().until(() -> watcher.seen() + watcher.missed() == notes + 1);
    assertThat(watcher.missed()).isPositive();
    assertThat(watcher.seen()).isGreaterThanOrEqualTo(ControlLimits.KEPT_EVENTS);
    watcher.leave();
    await().until(() -> rig.server.openStreams() == 0);
  }

  /** Takes nothing until it is told to. */
  private static final class SlowWatcher
      implements ClientResponseObserver<WatchEventsRequest, WatchEventsResponse> {
    private @Nullable ClientCallStreamObserver<WatchEventsRequest> call;
    private long seen;
    private long missed;

    @Override
    public void beforeStart(ClientCallStreamObserver<WatchEventsRequest> stream) {
      call = stream;
      stream.disableAutoRequestWithInitial(0);
    }

    void readOn() {
      Objects.requireNonNull(call).request(Integer.MAX_VALUE);
    }

    void leave() {
      Objects.requireNonNull(call).cancel("it has seen enough", null);
    }

    @Override
    public synchronized void onNext(WatchEventsResponse response) {
      if (response.getEvent().getMissed() > 0) {
        missed += response.getEvent().getMissed();
      } else {
        seen++;
      }
    }

    @Override
    public void onError(Throwable t) {}

    @Override
    public void onCompleted() {}

    synchronized long seen() {
      return seen;
    }

    synchronized long missed() {
      return missed;
    }
  }

  @Test
  void tooManyPausesAtOnceAreRefusedNotDefects() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    List<CompletableFuture<Status.Code>> codes = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      codes.add(
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  rig.calls().pauseVm(PauseVmRequest.newBuilder().setVm("web").build());
                  return Status.Code.OK;
                } catch (StatusRuntimeException e) {
                  return e.getStatus().getCode();
                }
              },
              task -> Thread.ofVirtual().start(task)));
    }
    for (CompletableFuture<Status.Code> code : codes) {
      assertThat(code.get(60, TimeUnit.SECONDS))
          .isIn(Status.Code.OK, Status.Code.RESOURCE_EXHAUSTED);
    }
    assertThat(rig.status("web").getState()).isEqualTo(VmState.VM_STATE_PAUSED);
  }

  @Test
  void tooManyStreamsAreRefused() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    for (int i = 0; i < 64; i++) {
      rig.console("web", 0);
    }
    await().until(() -> rig.server.openStreams() == 64);
    ControlRig.OpenConsole one = rig.console("web", 0);
    await().until(one::ended);
    assertThat(code(one)).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
  }

  @Test
  void metricsSayWhatTheStatusSays() throws Exception {
    rig.create("web", echo());
    rig.start("web");
    await().until(() -> rig.status("web").getConsole().getEndOffset() == 6);
    String text = rig.calls().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
    assertThat(text)
        .contains("lockstep_vm_live{vm=\"web\"} 1.0")
        .contains("lockstep_guest_output_bytes_total{vm=\"web\"} 6.0")
        .containsPattern("lockstep_guest_instructions_total\\{vm=\"web\"} [1-9]")
        .containsPattern("lockstep_guest_exits_total\\{kind=\"port_write\",vm=\"web\"} [1-9]")
        .containsPattern("lockstep_vm_info\\{.*protection=\"notProtected\".*} 1");
    fails(
        Status.Code.NOT_FOUND,
        "none",
        () -> rig.calls().getMetrics(GetMetricsRequest.newBuilder().setVm("none").build()));
  }

  @Test
  void anEndingDaemonIsFollowedByOneThatKnowsItsVms() throws Exception {
    rig.create("web", echo());
    rig.start("web");
    rig.vms.shutDown(100);
    assertThat(rig.status("web").getState()).isEqualTo(VmState.VM_STATE_ENDED);
    rig.close();
    rig = new ControlRig(folder, "a");
    assertThat(rig.status("web").getState()).isEqualTo(VmState.VM_STATE_CREATED);
    assertThat(rig.start("web").getState()).isEqualTo(VmState.VM_STATE_RUNNING);
  }

  @Test
  void aConsoleWithoutFollowingEndsWhereTheOutputEnds() throws Exception {
    rig.create("web", echo());
    rig.start("web");
    await().until(() -> rig.status("web").getConsole().getEndOffset() == 6);
    ControlRig.OpenConsole console =
        new ControlRig.OpenConsole(
            rig.client, ConsoleOpen.newBuilder().setVm("web").setNoFollow(true).build());
    await().until(console::ended);
    assertThat(console.failure()).isNull();
    assertThat(console.text()).isEqualTo("hello\n");
  }

  @Test
  void aVmThatIsToldToHaveEndedCanBeStarted() throws Exception {
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    rig.create(
        "web", new TinyGuest().print("hello\n").exit(5).write(folder.resolve("short")), disk);
    for (int i = 0; i < 30; i++) {
      rig.start("web");
      while (rig.status("web").getState() != VmState.VM_STATE_ENDED) {
        Thread.onSpinWait();
      }
    }
    rig.calls().deleteVm(DeleteVmRequest.newBuilder().setVm("web").build());
  }

  @Test
  void aSeriesKeepsItsNewestSnapshots() throws Exception {
    rig.create("web", spin());
    rig.start("web");
    Path series = folder.resolve("series");
    List<Path> taken = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      taken.add(
          Path.of(
              rig.calls()
                  .snapshotVm(
                      SnapshotVmRequest.newBuilder()
                          .setVm("web")
                          .setFolder(series.toString())
                          .setKeep(2)
                          .build())
                  .getFolder()));
      if (i == 1) {
        // By hand, and of another VM: no part of this VM's series.
        Files.move(taken.get(0), series.resolve("by-hand"));
        String other = Files.readString(taken.get(1).resolve("machine.json"));
        Files.writeString(
            taken.get(1).resolve("machine.json"), other.replace("\"web\"", "\"other\""));
      }
    }
    assertThat(Files.getPosixFilePermissions(series)).hasSize(3);
    try (Stream<Path> left = Files.list(series)) {
      assertThat(left)
          .containsExactlyInAnyOrder(
              series.resolve("by-hand"), taken.get(1), taken.get(2), taken.get(3));
    }
    rig.calls()
        .snapshotVm(
            SnapshotVmRequest.newBuilder()
                .setVm("web")
                .setFolder(series.toString())
                .setKeep(1)
                .build());
    assertThat(taken.get(3)).doesNotExist();
    assertThat(taken.get(1)).exists();
    fails(
        Status.Code.INVALID_ARGUMENT,
        "keep is 4294967295",
        () ->
            rig.calls()
                .snapshotVm(
                    SnapshotVmRequest.newBuilder()
                        .setVm("web")
                        .setFolder(series.toString())
                        .setKeep(-1)
                        .build()));
  }

  private SnapshotVmResponse snapshot(String vm, Path to) {
    return rig.calls()
        .snapshotVm(SnapshotVmRequest.newBuilder().setVm(vm).setFolder(to.toString()).build());
  }

  private VmStatus restore(String vm, Path from) {
    return rig.calls()
        .restoreVm(RestoreVmRequest.newBuilder().setVm(vm).setFolder(from.toString()).build())
        .getVm();
  }

  private void create(String config) {
    rig.calls().createVm(CreateVmRequest.newBuilder().setConfigJson(config).build());
  }

  private void delete(String vm) {
    rig.calls().deleteVm(DeleteVmRequest.newBuilder().setVm(vm).build());
  }

  private static Status.Code code(ControlRig.OpenConsole console) {
    return Status.fromThrowable(Objects.requireNonNull(console.failure())).getCode();
  }

  static void fails(Status.Code code, String message, ThrowingCallable call) {
    StatusRuntimeException failure = catchThrowableOfType(StatusRuntimeException.class, call);
    assertThat(failure).as(message).isNotNull();
    assertThat(failure.getStatus().getCode()).as(failure.toString()).isEqualTo(code);
    assertThat(failure.getStatus().getDescription()).contains(message);
  }
}
