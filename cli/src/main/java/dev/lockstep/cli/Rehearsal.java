package dev.lockstep.cli;

import dev.lockstep.cli.start.Ahead;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Does once, in one process, what commands do, so that a JVM that watches (for an AOT cache) has seen it: help, a boot, a snapshot and a start from it; or a pair that becomes protected over TLS, and a control port with who asks it.
 * {@code scripts/train-start-cache} runs it; there is a guest image by then.
 */
final class Rehearsal {
  private static final String GUEST = "quiet lockstep.run=\"lockstep-workload 20\"";

  /** Enough for a host that is busy with other things. */
  private static final int TRIES = 400;

  /** How often the pair is looked at when it answers: it comes to be protected meanwhile. */
  private static final int LOOKS = 16;

  private static final long TRY_MILLIS = 500;

  private final Path folder;

  private Rehearsal(Path folder) {
    this.folder = folder;
  }

  /**
   * Rehearses. What the commands print goes where it goes always.
   *
   * @param args {@code alone} or {@code pair}, and an empty folder to work in
   */
  public static void main(String[] args) {
    try {
      Rehearsal rehearsal = new Rehearsal(Path.of(args[1]));
      switch (args[0]) {
        case "alone" -> rehearsal.alone();
        case "pair" -> rehearsal.pair();
        default -> throw new IllegalStateException("no rehearsal is called " + args[0]);
      }
    } catch (IOException | InterruptedException | ExecutionException | IllegalStateException e) {
      System.err.println("rehearsal: " + e);
      // At once: what was seen so far is not to be kept.
      Runtime.getRuntime().halt(1);
    }
    // Threads of libraries may live on, and the JVM writes what it saw when it ends.
    System.exit(0);
  }

  private void alone() {
    require("--version");
    require("help");
    require("help", "run");
    String snapshot = folder.resolve("snapshot").toString();
    require(
        "run",
        "--append",
        GUEST,
        "--snapshot-to",
        snapshot,
        "--snapshot-when",
        "lockstep guest ready");
    Ahead.ofAMachine();
    require("run", "--from", snapshot);
  }

  private void pair() throws IOException, InterruptedException, ExecutionException {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    String socket = folder.resolve("control.sock").toString();
    // Over TLS: a pair in the clear goes the same way, less the encryption, which takes the longest
    // to become fast.
    String authority = folder.resolve("pki").toString();
    require("pki", "init", "--pki", authority);
    require("pki", "issue", "here", "127.0.0.1", "--pki", authority);
    CompletableFuture<Integer> backup =
        start(replica("backup", "--listen", "127.0.0.1:" + port, "--console", "127.0.0.1:0"));
    CompletableFuture<Integer> primary =
        start(replica("primary", "--peer", "127.0.0.1:" + port, "--control", socket));
    int answers = 0;
    for (int i = 0; i < TRIES && answers < LOOKS && !primary.isDone(); i++) {
      Thread.sleep(TRY_MILLIS);
      if (Files.exists(Path.of(socket))
          && lockstep("ctl", "--socket", socket, "status", "lockstep") == ExitStatus.OK
          && lockstep("ctl", "--socket", socket, "list") == ExitStatus.OK) {
        answers++;
      }
    }
    lockstep("ctl", "--socket", socket, "kill", "lockstep");
    primary.get();
    backup.get();
    if (answers == 0) {
      throw new IllegalStateException("the primary never answered at its control port");
    }
  }

  private List<String> replica(String role, String... own) throws IOException {
    Path disk = folder.resolve(role + ".disk");
    Files.copy(GuestImage.prepare().disk(), disk);
    List<String> arguments =
        new ArrayList<>(
            List.of(
                role,
                "--json",
                "--tls",
                folder.resolve("pki").resolve("hosts").resolve("here").toString(),
                "--arbiter",
                Files.createDirectories(folder.resolve("arbiter")).toString(),
                "--disk",
                disk.toString(),
                "--seed",
                "1",
                "--append",
                GUEST));
    arguments.addAll(List.of(own));
    return arguments;
  }

  private static CompletableFuture<Integer> start(List<String> arguments) {
    CompletableFuture<Integer> status = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("rehearsal-" + arguments.getFirst())
        .daemon()
        .start(() -> {
          try {
            status.complete(lockstep(arguments.toArray(String[]::new)));
          } catch (RuntimeException e) {
            status.completeExceptionally(e);
          }
        });
    return status;
  }

  private static void require(String... arguments) {
    int status = lockstep(arguments);
    if (status != ExitStatus.OK) {
      throw new IllegalStateException(
          "'lockstep %s' ended with status %d".formatted(String.join(" ", arguments), status));
    }
  }

  private static int lockstep(String... arguments) {
    return Lockstep.execute(arguments, System.out, System.err);
  }
}
