package dev.lockstep.vmm.net.host;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.preflight.Preflight;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A passt that we started, and the folder of its socket. */
final class PasstProcess implements AutoCloseable {
  private static final String PROGRAM = "passt";
  private static final String MTU = "1500";

  /** What the guest sees of IPv4, and whose Ethernet address passt has: left alone it takes those of its host, and a guest that has come from another one would not be found under them. Those of QEMU's user networking. */
  private static final List<String> SAME_ON_EVERY_HOST =
      List.of(
          "--address",
          "10.0.2.15",
          "--netmask",
          "24",
          "--gateway",
          "10.0.2.2",
          "--mac-addr",
          "52:55:0a:00:02:02");

  private static final long START_NANOS = 5_000_000_000L;
  private static final long POLL_MILLIS = 5;

  private final Path folder;
  private final Process process;

  private PasstProcess(Path folder, Process process) {
    this.folder = folder;
    this.process = process;
  }

  static PasstProcess start(List<PortForward> forwards) {
    Path folder = null;
    PasstProcess started = null;
    try {
      folder = Files.createTempDirectory("lockstep-passt");
      // Started by root, passt becomes nobody before it makes its socket.
      Files.setPosixFilePermissions(
          folder,
          PosixFilePermissions.fromString(Preflight.userId() == 0 ? "rwx-wx-wx" : "rwx------"));
      started = new PasstProcess(folder, launch(folder, forwards));
      started.awaitSocket();
      return started;
    } catch (IOException | VmmException e) {
      if (started != null) {
        started.close();
      } else if (folder != null) {
        folder.toFile().delete();
      }
      if (e instanceof VmmException known) {
        throw known;
      }
      throw new VmmException(
          "passt cannot be started: " + e.getMessage(),
          "Install it (Debian: apt-get install passt), or use a tap device.",
          e);
    }
  }

  private static Process launch(Path folder, List<PortForward> forwards) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                PROGRAM,
                "--foreground",
                "--one-off",
                "--mtu",
                MTU,
                "--socket",
                folder.resolve("socket").toString()));
    command.addAll(SAME_ON_EVERY_HOST);
    for (PortForward forward : forwards) {
      command.add(forward.udp() ? "--udp-ports" : "--tcp-ports");
      command.add(forward.hostPort() + ":" + forward.guestPort());
    }
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("log").toFile())
        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
        .start();
  }

  private void awaitSocket() throws IOException {
    long until = System.nanoTime() + START_NANOS;
    while (!Files.exists(socket())) {
      boolean ended;
      try {
        ended = process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new VmmException("waiting for passt was interrupted", "Start again.", e);
      }
      if (ended || System.nanoTime() - until > 0) {
        throw failed(ended ? "has ended at once" : "makes no socket");
      }
    }
  }

  /**
   * @throws VmmException with its last words if it has ended
   */
  void requireAlive() {
    if (!process.isAlive()) {
      throw failed("has ended at once");
    }
  }

  private VmmException failed(String what) {
    return new VmmException(
        "passt %s: %s".formatted(what, lastWords()),
        "See that the forwarded ports are free and that this host has a network; or use a tap device.");
  }

  private String lastWords() {
    try {
      return Files.readString(folder.resolve("log"), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("Failed to send") && !line.isBlank())
          .reduce((before, line) -> line)
          .orElse("without a word");
    } catch (IOException e) {
      return "its log cannot be read: " + e.getMessage();
    }
  }

  /** Its socket. */
  Path socket() {
    return folder.resolve("socket");
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(1, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    socket().toFile().delete();
    folder.resolve("log").toFile().delete();
    folder.toFile().delete();
  }
}
