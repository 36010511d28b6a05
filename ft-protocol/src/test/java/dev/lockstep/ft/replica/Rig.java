package dev.lockstep.ft.replica;

import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.wire.ProtocolVersions;
import dev.lockstep.vmm.config.ReplicationConfig;
import dev.lockstep.vmm.machine.MachineInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/** What the tests of pairs set up: a shared arbiter, one outside, replicas by name. */
final class Rig {
  /** The first UART, as a device. */
  private static final int UART0 = 0;

  final Outside outside = new Outside();
  private final Path folder;
  private final Random random;
  private final SharedPathArbiter arbiter;
  private ProtocolVersions protocol = ProtocolVersions.SPOKEN;
  private final @Nullable FreeRunning freeRunning;

  Rig(Path folder, Random random) {
    this(folder, random, null);
  }

  /** With pairs that follow freely. */
  Rig(Path folder, Random random, @Nullable FreeRunning freeRunning) {
    this.freeRunning = freeRunning;
    this.folder = folder;
    this.random = random;
    try {
      arbiter = new SharedPathArbiter(Files.createDirectories(folder.resolve("arbiter")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Replicas that are made from now on speak these. */
  Rig speaking(ProtocolVersions versions) {
    protocol = versions;
    return this;
  }

  /** A primary whose guest waits for that backup. */
  Replica primary(String name, MachineSource source, Replica backup, Watching watching) {
    return Replica.primary(
        source,
        settings(name, backup.listenAddress(), StartPolicy.WAIT_FOR_BACKUP, OutputCommit.MATCHED),
        arbiter,
        outside.of(name),
        watching);
  }

  /** A primary whose guest runs at once, and that asks nobody. */
  Replica alone(String name, MachineSource source, Watching watching) {
    return Replica.primary(
        source,
        settings(name, null, StartPolicy.START_ALONE, OutputCommit.MATCHED),
        arbiter,
        outside.of(name),
        watching);
  }

  /** A backup that waits to be asked. */
  Replica backup(String name, MachineSource source, Watching watching) {
    return Replica.backup(
        source,
        settings(name, null, StartPolicy.START_ALONE, OutputCommit.MATCHED),
        arbiter,
        outside.of(name),
        watching);
  }

  /** A backup that joins a primary, with a work folder. */
  Replica joining(
      String name, MachineSource source, Replica primary, Path work, Watching watching) {
    return Replica.backup(
        source,
        settings(
            name, primary.listenAddress(), StartPolicy.START_ALONE, OutputCommit.MATCHED, work),
        arbiter,
        outside.of(name),
        watching);
  }

  private ReplicaSettings settings(
      String name, @Nullable InetSocketAddress peer, StartPolicy policy, OutputCommit commit) {
    return settings(name, peer, policy, commit, folder.resolve(name));
  }

  private ReplicaSettings settings(
      String name,
      @Nullable InetSocketAddress peer,
      StartPolicy policy,
      OutputCommit commit,
      Path work) {
    return ReplicaSettings.builder(name, work, ReplicationConfig.defaults())
        .peer(peer)
        .startPolicy(policy)
        .commit(commit)
        .freeRunning(freeRunning)
        .protocol(protocol)
        .build();
  }

  /** Types at random moments; what does not reach a live machine is lost, as it is when a cable is pulled. */
  void type(Replica replica, int inputs) throws InterruptedException {
    for (int i = 0; i < inputs; i++) {
      Thread.sleep(random.nextInt(6));
      byte[] typed = new byte[1 + random.nextInt(10)];
      for (int j = 0; j < typed.length; j++) {
        typed[j] = (byte) ('0' + random.nextInt(10));
      }
      replica.inject(new MachineInput.ConsoleBytes(UART0, typed));
    }
  }

  /** Dies, as its process would. */
  static void crash(Replica replica) {
    replica.close();
  }

  /** Ends the guest, as soon as it takes inputs. */
  static void quit(Replica replica) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> replica.inject(new MachineInput.ConsoleBytes(UART0, new byte[] {'q'})));
  }
}
