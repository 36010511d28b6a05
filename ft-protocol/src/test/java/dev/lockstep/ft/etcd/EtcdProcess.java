package dev.lockstep.ft.etcd;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One etcd server on loopback, as a process of its own with a folder of its own. Not for several threads. */
public final class EtcdProcess implements AutoCloseable {
  private static final long READY_SECONDS = 60;
  private static final int ATTEMPTS = 5;

  private final Path folder;
  private final String name;
  private final int clientPort;
  private final List<String> words;
  private @Nullable Process process;

  private EtcdProcess(
      Path folder, String name, int clientPort, int peerPort, String cluster, List<String> more) {
    this.folder = folder;
    this.name = name;
    this.clientPort = clientPort;
    String scheme = more.isEmpty() ? "http" : "https";
    String client = scheme + "://127.0.0.1:" + clientPort;
    String peer = "http://127.0.0.1:" + peerPort;
    words = new ArrayList<>(List.of(binary(), "--name", name));
    words.addAll(List.of("--data-dir", folder.resolve(name).toString()));
    words.addAll(List.of("--listen-client-urls", client, "--advertise-client-urls", client));
    words.addAll(List.of("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer));
    words.addAll(List.of("--initial-cluster", cluster));
    words.addAll(List.of("--logger", "zap"));
    words.addAll(more);
    Runtime.getRuntime().addShutdownHook(new Thread(this::kill));
  }

  /** Starts one that is a cluster by itself; without the program the test is skipped by name. */
  public static EtcdProcess start(Path folder) throws IOException, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      EtcdProcess one = startOf(folder, 1, List.of()).getFirst();
      try {
        one.awaitReady();
        return one;
      } catch (IOException e) {
        // Another process may have taken the port meanwhile.
        one.close();
        if (attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /** Starts one that speaks TLS; it is not waited for. */
  public static EtcdProcess startWith(Path folder, List<String> tls)
      throws IOException, InterruptedException {
    return startOf(folder, 1, tls).getFirst();
  }

  /** Starts a cluster of several. */
  public static List<EtcdProcess> startCluster(Path folder, int members)
      throws IOException, InterruptedException {
    List<EtcdProcess> started = startOf(folder, members, List.of());
    for (EtcdProcess member : started) {
      member.awaitReady();
    }
    return started;
  }

  private static List<EtcdProcess> startOf(Path folder, int members, List<String> more)
      throws IOException {
    assumeTrue(
        !binary().isEmpty(),
        "SKIPPED: there is no etcd; install Debian's package etcd-server (scripts/install-packages)");
    Path place = Files.createTempDirectory(folder, "etcd-");
    List<Integer> ports = freePorts(2 * members);
    List<String> peers = new ArrayList<>();
    for (int i = 0; i < members; i++) {
      peers.add("m%d=http://127.0.0.1:%d".formatted(i, ports.get(2 * i + 1)));
    }
    List<EtcdProcess> made = new ArrayList<>();
    for (int i = 0; i < members; i++) {
      made.add(
          new EtcdProcess(
              place,
              "m" + i,
              ports.get(2 * i),
              ports.get(2 * i + 1),
              String.join(",", peers),
              more));
    }
    for (EtcdProcess each : made) {
      each.begin();
    }
    return made;
  }

  private static List<Integer> freePorts(int count) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
      }
      return sockets.stream().map(ServerSocket::getLocalPort).toList();
    } finally {
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    }
  }

  private static String binary() {
    Optional<Path> found =
        Stream.concat(
                Stream.of(System.getenv("PATH").split(":")), Stream.of("/usr/bin", "/usr/sbin"))
            .map(folder -> Path.of(folder, "etcd"))
            .filter(Files::isExecutable)
            .findFirst();
    return found.map(Path::toString).orElse("");
  }

  private void begin() throws IOException {
    process =
        new ProcessBuilder(words)
            .redirectErrorStream(true)
            .redirectOutput(
                ProcessBuilder.Redirect.appendTo(folder.resolve(name + ".log").toFile()))
            .start();
  }

  /** Where clients reach it. */
  public String endpoint() {
    return "127.0.0.1:" + clientPort;
  }

  public int clientPort() {
    return clientPort;
  }

  /** Its address as Lockstep takes it. */
  public String address() {
    return EtcdAddress.SCHEME + endpoint();
  }

  /** As Lockstep sees it. */
  public EtcdCluster cluster() {
    return new EtcdCluster(EtcdAddress.parse(address()));
  }

  /** Waits until it answers. */
  public void awaitReady() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(READY_SECONDS);
    while (true) {
      try (EtcdSession session = cluster().open()) {
        session.read("ready");
        return;
      } catch (EtcdException e) {
        Process now = process;
        if (now == null || !now.isAlive() || System.nanoTime() > deadline) {
          throw new IOException(
              "etcd has not come up: " + Files.readString(folder.resolve(name + ".log")), e);
        }
        Thread.sleep(20);
      }
    }
  }

  /** Kills it with SIGKILL and waits for its end. */
  public void kill() {
    Process now = process;
    if (now != null) {
      now.destroyForcibly();
      boolean interrupted = false;
      while (now.isAlive()) {
        try {
          now.waitFor();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      process = null;
    }
  }

  /** Starts it anew, with what its folder holds. */
  public void restart() {
    try {
      begin();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Stops its threads where they are (SIGSTOP): its connections stay, and nothing answers. */
  public void pause() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** Lets it go on. */
  public void resume() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String signal) throws IOException, InterruptedException {
    Process now = process;
    if (now == null
        || new ProcessBuilder("kill", "-" + signal, Long.toString(now.pid())).start().waitFor()
            != 0) {
      throw new IOException("there is no etcd to get SIG" + signal);
    }
  }

  @Override
  public void close() {
    kill();
  }
}
