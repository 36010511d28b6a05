package dev.lockstep.vmm.net.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.Unprivileged;
import dev.lockstep.kvm.net.TapDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A network namespace of a test's own, in which it may have tap devices and bridges. */
final class OwnNetwork {
  private OwnNetwork() {}

  /** A test that may throw anything. */
  @FunctionalInterface
  interface Body {
    void run() throws Exception;
  }

  /** Runs it; skipped by name where this user may not have tap devices or namespaces. */
  static void inOwnNetwork(Body body) throws InterruptedException {
    assumeTrue(
        Files.isReadable(TapDevice.DEVICE) && Files.isWritable(TapDevice.DEVICE),
        "no /dev/net/tun for this user: tap devices are not tested");
    assumeTrue(ipIsThere(), "no ip command (iproute2): tap devices are not tested");
    boolean ran =
        Unprivileged.runInOwnNetwork(() -> {
          try {
            body.run();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    assumeTrue(ran, "this user may not make a network namespace: tap devices are not tested");
  }

  private static boolean ipIsThere() {
    return Files.isExecutable(Path.of("/usr/sbin/ip"))
        || Files.isExecutable(Path.of("/sbin/ip"))
        || Files.isExecutable(Path.of("/usr/bin/ip"));
  }

  /** ip(8), in the namespace of the thread that calls. */
  static void ip(String arguments) throws Exception {
    ProcessBuilder builder = new ProcessBuilder("ip");
    builder.command().addAll(List.of(arguments.split(" ")));
    builder.environment().merge("PATH", "/usr/sbin:/sbin", (path, more) -> path + ":" + more);
    builder.command().set(0, Files.exists(Path.of("/usr/sbin/ip")) ? "/usr/sbin/ip" : "ip");
    Process process = builder.redirectErrorStream(true).start();
    String words = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor()).as("ip %s: %s", arguments, words).isZero();
  }

  /** A bridge that forwards from the moment it is there. */
  static void addBridge(String name) throws Exception {
    ip("link add " + name + " type bridge stp_state 0 forward_delay 0");
    ip("link set " + name + " up");
  }
}
