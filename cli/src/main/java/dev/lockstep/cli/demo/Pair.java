package dev.lockstep.cli.demo;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The replicas of one VM as processes, each with a disk of its own in the demo's folder. */
final class Pair implements AutoCloseable {
  private static final String ANY_PORT = "127.0.0.1:0";

  private final DemoSettings settings;
  private final List<String> guest;
  private final List<ReplicaProcess> replicas = new ArrayList<>();

  /**
   * @param workload the guest's command
   */
  Pair(DemoSettings settings, String workload) throws IOException {
    this.settings = settings;
    this.guest =
        List.of(
            "--seed",
            Long.toString(settings.seed()),
            "--append",
            "quiet lockstep.run=\"%s\"".formatted(workload));
    Files.createDirectories(settings.folder().resolve("arbiter"));
  }

  /** A backup that waits to be brought in by a primary. */
  ReplicaProcess waiting(String name) throws IOException {
    return start("backup", name, List.of());
  }

  /** A backup that joins a running primary. */
  ReplicaProcess joining(String name, ReplicaProcess primary)
      throws IOException, InterruptedException {
    return start("backup", name, List.of("--peer", address(primary)));
  }

  /** A primary that brings a waiting backup in before its guest starts. */
  ReplicaProcess primary(String name, ReplicaProcess backup)
      throws IOException, InterruptedException {
    return start("primary", name, List.of("--peer", address(backup)));
  }

  /** A primary whose guest starts without a backup. */
  ReplicaProcess alone(String name) throws IOException {
    return start("primary", name, List.of("--alone"));
  }

  private ReplicaProcess start(String role, String name, List<String> own) throws IOException {
    Path disk = disk(name);
    Files.copy(settings.disk(), disk, StandardCopyOption.REPLACE_EXISTING);
    // What the guest writes is its own.
    Files.setPosixFilePermissions(disk, PosixFilePermissions.fromString("rw-------"));
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--json",
                "--arbiter",
                settings.folder().resolve("arbiter").toString(),
                "--listen",
                ANY_PORT,
                "--console",
                ANY_PORT,
                "--replica",
                name,
                "--disk",
                disk.toString()));
    arguments.addAll(guest);
    arguments.addAll(own);
    ReplicaProcess replica =
        ReplicaProcess.start(role, name, arguments, settings.folder().resolve(name + ".log"));
    replicas.add(replica);
    return replica;
  }

  /** A replica's disk image. */
  Path disk(String name) {
    return settings.folder().resolve(name + ".disk");
  }

  private String address(ReplicaProcess replica) throws InterruptedException {
    return "127.0.0.1:" + port(replica, "listening");
  }

  /** Where a replica serves the guest's console. */
  InetSocketAddress console(ReplicaProcess replica) throws InterruptedException {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port(replica, "console"));
  }

  private int port(ReplicaProcess replica, String field) throws InterruptedException {
    JsonNode event =
        replica.await("its port", status -> status.has(field), settings.timeoutMillis());
    return event.get(field).asInt();
  }

  /** Ends all processes. */
  @Override
  public void close() {
    for (ReplicaProcess replica : replicas) {
      replica.kill();
    }
    for (ReplicaProcess replica : replicas) {
      replica.close();
    }
  }
}
