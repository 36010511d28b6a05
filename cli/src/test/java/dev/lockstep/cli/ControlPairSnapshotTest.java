package dev.lockstep.cli;

import static dev.lockstep.cli.ControlCallsTest.fails;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.control.proto.CommitRule;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.DeleteVmRequest;
import dev.lockstep.ft.control.proto.FailoverVmRequest;
import dev.lockstep.ft.control.proto.KillVmRequest;
import dev.lockstep.ft.control.proto.ProtectVmRequest;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.control.proto.ReplicationSettings;
import dev.lockstep.ft.control.proto.RestoreVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StartBackup;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.control.proto.StartVmRequest;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import io.grpc.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots of a pair's replicas through real sockets, what goes on from them, and what a pair is started with. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class ControlPairSnapshotTest {
  private static final long SEED = 20_260_401;

  @TempDir Path folder;
  private final SlowFolders atB = new SlowFolders();
  private ControlRig a;
  private ControlRig b;
  private Path arbiter;
  private Path kernel;
  private byte[] content;

  /** Real snapshots, whose disks may take long to copy. */
  private static final class SlowFolders extends SnapshotFolders {
    private final CountDownLatch written = new CountDownLatch(1);
    private final CountDownLatch copied = new CountDownLatch(1);
    private volatile boolean slow;

    @Override
    public SnapshotInfo write(Path to, Machine machine, MachineConfig config)
        throws InterruptedException {
      SnapshotInfo info = super.write(to, machine, config);
      if (slow) {
        written.countDown();
        copied.await();
      }
      return info;
    }
  }

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @BeforeEach
  void open() throws Exception {
    a = new ControlRig(folder, "a");
    b = new ControlRig(folder, "b", atB);
    arbiter = Files.createDirectory(folder.resolve("arbiter"));
    kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    content = new byte[1 << 20];
    new Random(SEED).nextBytes(content);
    Files.write(folder.resolve("disk-a"), content);
    Files.write(folder.resolve("disk-b"), new byte[1 << 20]);
    a.create("web", kernel, folder.resolve("disk-a"));
    b.create("web", kernel, folder.resolve("disk-b"));
  }

  @AfterEach
  void close() {
    atB.copied.countDown();
    a.close();
    b.close();
  }

  private void pair() {
    String listens = b.startBackup("web", arbiter).getReplication().getListenAddress();
    a.startPrimary("web", arbiter, listens, false);
    await()
        .until(() -> a.status("web").getProtection() == ProtectionState.PROTECTION_STATE_PROTECTED);
  }

  private static SnapshotVmResponse snapshot(ControlRig rig, Path to) {
    return rig.calls()
        .snapshotVm(SnapshotVmRequest.newBuilder().setVm("web").setFolder(to.toString()).build());
  }

  private static void kill(ControlRig rig) {
    rig.calls().killVm(KillVmRequest.newBuilder().setVm("web").build());
  }

  private StartOptions unprotected() {
    return StartOptions.newBuilder()
        .setPrimary(
            StartPrimary.newBuilder()
                .setUnprotected(true)
                .setReplica(ReplicaOptions.newBuilder().setArbiterPath(arbiter.toString())))
        .build();
  }

  private void type(ControlRig rig, String text, long from, String then) {
    ControlRig.OpenConsole console = rig.console("web", from);
    console.type(text);
    await().until(() -> console.text().equals(then));
  }

  @Test
  void aPrimarysSnapshotGoesOnAsAPrimaryThatIsProtectedThen() throws Exception {
    pair();
    type(a, "ab", 0, "ab");
    Path taken = folder.resolve("taken");
    SnapshotVmResponse told = snapshot(a, taken);
    assertThat(told.getRole()).isEqualTo(VmRole.VM_ROLE_PRIMARY);
    assertThat(told.getEpoch()).isEqualTo(a.status("web").getReplication().getEpoch());
    assertThat(told.getStateBytes()).isPositive();
    assertThat(told.getNextEntry()).isPositive();
    fails(Status.Code.FAILED_PRECONDITION, "holds a machine already", () -> snapshot(a, taken));
    type(a, "cd", 0, "abcd");
    VmStatus after = a.status("web");
    assertThat(after.getReplication().getPhase()).isEqualTo("protected");
    assertThat(after.getReplication().getEpoch()).as("it stayed a pair").isEqualTo(told.getEpoch());
    RestoreVmRequest back =
        RestoreVmRequest.newBuilder()
            .setVm("web")
            .setFolder(taken.toString())
            .setStart(unprotected())
            .build();
    fails(
        Status.Code.FAILED_PRECONDITION,
        "is running. Stop it first",
        () -> a.calls().restoreVm(back));
    kill(b);
    kill(a);
    assertThat(a.calls().restoreVm(back).getVm().getRole()).isEqualTo(VmRole.VM_ROLE_PRIMARY);
    type(a, "x", 2, "x");
    String listens = b.startBackup("web", arbiter).getReplication().getListenAddress();
    a.calls().protectVm(ProtectVmRequest.newBuilder().setVm("web").setStandby(listens).build());
    assertThat(a.status("web").getProtection())
        .isEqualTo(ProtectionState.PROTECTION_STATE_PROTECTED);
    a.calls().failoverVm(FailoverVmRequest.newBuilder().setVm("web").build());
    await().until(() -> b.status("web").getLive());
    type(b, "yQ", 3, "yQ");
    await().until(() -> b.status("web").getState() == VmState.VM_STATE_ENDED);
    assertThat(b.status("web").getEnd().getExitCode()).isEqualTo(7);
    assertThat(Files.readAllBytes(folder.resolve("disk-b"))).isEqualTo(content);
  }

  @Test
  void aBackupsSnapshotMakesTheVmElsewhere() throws Exception {
    pair();
    type(a, "ab", 0, "ab");
    await().until(() -> b.status("web").getReplication().getLagEntries() == 0);
    Path taken = folder.resolve("taken");
    SnapshotVmResponse told = snapshot(b, taken);
    assertThat(told.getRole()).isEqualTo(VmRole.VM_ROLE_BACKUP);
    assertThat(told.getEpoch()).isEqualTo(a.status("web").getReplication().getEpoch());
    type(a, "cd", 0, "abcd");
    assertThat(a.status("web").getReplication().getPhase()).isEqualTo("protected");
    assertThat(Files.readAllBytes(taken.resolve("d0.img"))).isEqualTo(content);
    CreateVmRequest create =
        CreateVmRequest.newBuilder().setSnapshotFolder(taken.toString()).build();
    fails(Status.Code.ALREADY_EXISTS, "a VM 'web' already", () -> a.calls().createVm(create));
    fails(
        Status.Code.INVALID_ARGUMENT,
        "both config_json and snapshot_folder",
        () -> a.calls().createVm(create.toBuilder().setConfigJson("{}").build()));
    try (ControlRig c = new ControlRig(folder, "c")) {
      fails(
          Status.Code.INVALID_ARGUMENT,
          "a backup has its primary's state",
          () ->
              c.calls()
                  .createVm(
                      create.toBuilder()
                          .setStart(
                              StartOptions.newBuilder().setBackup(StartBackup.getDefaultInstance()))
                          .build()));
      VmStatus made = c.calls().createVm(create).getVm();
      assertThat(made.getName()).isEqualTo("web");
      assertThat(made.getRole()).isEqualTo(VmRole.VM_ROLE_ALONE);
      type(c, "xQ", 2, "xQ");
      await().until(() -> c.status("web").getState() == VmState.VM_STATE_ENDED);
      c.calls().deleteVm(DeleteVmRequest.newBuilder().setVm("web").build());
      Files.write(taken.resolve("state.snapshot"), new byte[10]);
      fails(Status.Code.FAILED_PRECONDITION, "is not a snapshot", () -> c.calls().createVm(create));
      assertThat(c.vms.list()).as("what a failed one defines").isEmpty();
    }
    try (ControlRig next = new ControlRig(folder, "c")) {
      assertThat(next.vms.list()).as("what the next daemon knows").isEmpty();
    }
  }

  @Test
  void aBackupGoesLiveAlthoughASnapshotIsBeingTakenOfIt() throws Exception {
    pair();
    type(a, "ab", 0, "ab");
    atB.slow = true;
    Path taken = folder.resolve("taken");
    CompletableFuture<Throwable> failed = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(() -> {
          try {
            snapshot(b, taken);
            failed.complete(new AssertionError("it was taken"));
          } catch (RuntimeException e) {
            failed.complete(e);
          }
        });
    await().until(() -> atB.written.getCount() == 0 || failed.isDone());
    assertThat(failed).as("not before it is let go on").isNotDone();
    assertThat(taken.resolve("machine.json")).exists();
    fails(
        Status.Code.RESOURCE_EXHAUSTED,
        "another snapshot",
        () -> snapshot(b, folder.resolve("second")));
    kill(a);
    await().until(() -> b.status("web").getLive());
    type(b, "cd", 2, "cd");
    atB.copied.countDown();
    fails(
        Status.Code.FAILED_PRECONDITION,
        "has changed its role",
        () -> {
          throw failed.get();
        });
    assertThat(taken).as("what is left of it").doesNotExist();
  }

  @Test
  void aPairIsStartedWithItsOwnTimesAndRules() {
    ReplicaOptions own =
        ReplicaOptions.newBuilder()
            .setArbiterPath(arbiter.toString())
            .setCommit(CommitRule.COMMIT_RULE_RECEIVED)
            .setMaxPauseMillis(77)
            .setMaxLagMillis(400)
            .setHeartbeatMillis(20)
            .setSilenceMillis(900)
            .setAckTimeoutMillis(2_000)
            .build();
    StartVmRequest start =
        StartVmRequest.newBuilder()
            .setVm("web")
            .setStart(
                StartOptions.newBuilder()
                    .setPrimary(StartPrimary.newBuilder().setUnprotected(true).setReplica(own)))
            .build();
    StartVmRequest.Builder wrong = start.toBuilder();
    wrong.getStartBuilder().getPrimaryBuilder().getReplicaBuilder().setSilenceMillis(30);
    fails(
        Status.Code.INVALID_ARGUMENT,
        "silence_millis: suspicion after 30 ms of silence is less than 4 heartbeats of 20 ms",
        () -> a.calls().startVm(wrong.build()));
    assertThat(settings(a.calls().startVm(start).getVm()))
        .isEqualTo(
            ReplicationSettings.newBuilder()
                .setCommit(CommitRule.COMMIT_RULE_RECEIVED)
                .setMaxPauseMillis(77)
                .setMaxLagMillis(400)
                .setHeartbeatMillis(20)
                .setSilenceMillis(900)
                .setAckTimeoutMillis(2_000)
                .build());
    VmStatus backup = b.startBackup("web", arbiter);
    assertThat(settings(backup).getCommit()).isEqualTo(CommitRule.COMMIT_RULE_MATCHED);
    ProtectVmRequest protect =
        ProtectVmRequest.newBuilder()
            .setVm("web")
            .setStandby(backup.getReplication().getListenAddress())
            .setMaxPauseMillis(55)
            .build();
    for (int millis : List.of(0, 60_001, -1)) {
      fails(
          Status.Code.INVALID_ARGUMENT,
          "max_pause_millis",
          () -> a.calls().protectVm(protect.toBuilder().setMaxPauseMillis(millis).build()));
    }
    VmStatus protectedNow = a.calls().protectVm(protect).getVm();
    assertThat(settings(protectedNow).getMaxPauseMillis()).isEqualTo(55);
    assertThat(protectedNow.getProtection()).isEqualTo(ProtectionState.PROTECTION_STATE_PROTECTED);
    type(a, "ab", 0, "ab");
  }

  private static ReplicationSettings settings(VmStatus status) {
    return status.getReplication().getSettings();
  }
}
