package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.cli.start.JvmOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Three network namespaces: a client with a switch, and two hosts, each with one cable to the switch and one to the other host.
 *
 * <pre>
 *   client: switch 10.201.0.1/24 ── cable ── host a: bridge with tap
 *                              └── cable ── host b: bridge with tap
 *   host a: wire 10.202.0.1/24 ── cable ── host b: wire 10.202.0.2/24
 * </pre>
 */
public final class Lab implements AutoCloseable {
  /** A namespace. */
  enum Place {
    CLIENT,
    A,
    B;

    /** The other host. */
    Place other() {
      return this == A ? B : A;
    }
  }

  static final String TAP = "guest0";
  static final String GUEST = "10.201.0.2";
  static final String BRIDGE = "guests";

  private final String prefix = "lockstep-%d-".formatted(ProcessHandle.current().pid());

  private Lab() {}

  /** Makes it; where this user may not, the test is skipped by name. */
  static Lab open() throws IOException {
    Lab lab = new Lab();
    boolean may =
        Files.isWritable(Path.of("/dev/net/tun")) && lab.tries("netns", "add", lab.prefix + "x");
    assumeTrue(
        may, "SKIPPED: network namespaces and tap devices take root and iproute2 on this host");
    lab.ip("netns", "delete", lab.prefix + "x");
    try {
      lab.build();
    } catch (IOException | RuntimeException | Error e) {
      lab.close();
      throw e;
    }
    return lab;
  }

  private void build() throws IOException {
    for (Place place : Place.values()) {
      ip("netns", "add", name(place));
      in(place, "link", "set", "lo", "up");
      // Without it every interface speaks of itself, and frames could not be counted.
      run(at(place, List.of("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")));
      run(at(place, List.of("sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")));
    }
    in(Place.CLIENT, "link", "add", "switch", "type", "bridge");
    in(Place.CLIENT, "addr", "add", "10.201.0.1/24", "dev", "switch");
    in(Place.CLIENT, "link", "set", "switch", "up");
    for (Place host : List.of(Place.A, Place.B)) {
      String port = "to-" + host.name().toLowerCase(Locale.ROOT);
      in(
          Place.CLIENT,
          "link",
          "add",
          port,
          "type",
          "veth",
          "peer",
          "name",
          "uplink",
          "netns",
          name(host));
      in(Place.CLIENT, "link", "set", port, "master", "switch", "up");
      lockstep(host, "net", "up", "--bridge", BRIDGE, "--tap", TAP, "--uplink", "uplink");
    }
    in(
        Place.A,
        "link",
        "add",
        "wire",
        "type",
        "veth",
        "peer",
        "name",
        "wire",
        "netns",
        name(Place.B));
    for (Place host : List.of(Place.A, Place.B)) {
      in(host, "addr", "add", address(host) + "/24", "dev", "wire");
      in(host, "link", "set", "wire", "up");
    }
  }

  /** A host's address on the link between the two. */
  static String address(Place host) {
    return host == Place.A ? "10.202.0.1" : "10.202.0.2";
  }

  /** A command that is to be run at a place. */
  List<String> at(Place place, List<String> command) {
    List<String> whole = new ArrayList<>(List.of("ip", "netns", "exec", name(place)));
    whole.addAll(command);
    return whole;
  }

  /** This JVM's own command, for a class of the test's class path; the options are the launcher's. */
  public static List<String> java(String mainClass) {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(JvmOptions.ofReplicas());
    words.addAll(
        List.of(
            "--illegal-native-access=deny",
            "-cp",
            System.getProperty("java.class.path"),
            mainClass));
    return words;
  }

  /** Runs a lockstep command at a place; what it prints. */
  String lockstep(Place place, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(java("dev.lockstep.cli.Lockstep"));
    command.addAll(List.of(arguments));
    return run(at(place, command));
  }

  /** Each host's way to everywhere is by the other: passt wants one to be there. */
  void routeByLink() throws IOException {
    for (Place host : List.of(Place.A, Place.B)) {
      in(host, "route", "add", "default", "via", address(host.other()));
    }
  }

  /** The link between the two hosts carries nothing more. */
  void cutLink() throws IOException {
    in(Place.A, "link", "set", "wire", "down");
  }

  /** It carries again. */
  void joinLink() throws IOException {
    in(Place.A, "link", "set", "wire", "up");
  }

  /** What one host sends to the other over their link is lost; the other way works. */
  void loseFrom(Place host) throws IOException {
    in(host, "route", "add", "blackhole", address(host.other()) + "/32");
  }

  /** Ends {@link #loseFrom}. */
  void heal(Place host) throws IOException {
    in(host, "route", "delete", "blackhole", address(host.other()) + "/32");
  }

  /** The link between the two hosts carries no more than so much, each way. */
  void slowLink(int megabits) throws IOException {
    for (Place host : List.of(Place.A, Place.B)) {
      List<String> command = new ArrayList<>(List.of("tc", "qdisc", "replace", "dev", "wire"));
      command.addAll(List.of("root", "tbf", "rate", megabits + "mbit"));
      command.addAll(List.of("burst", "256k", "latency", "50ms"));
      run(at(host, command));
    }
  }

  /** Bytes that a host has sent to the other over their link so far. */
  long bytesSentBy(Place host) throws IOException {
    String statistics = "/sys/class/net/wire/statistics/tx_bytes";
    return Long.parseLong(run(at(host, List.of("cat", statistics))).strip());
  }

  /** A host's cable to the switch is pulled, or plugged in. */
  void uplink(Place host, boolean plugged) throws IOException {
    in(
        Place.CLIENT,
        "link",
        "set",
        "to-" + host.name().toLowerCase(Locale.ROOT),
        plugged ? "up" : "down");
  }

  /** Frames that have come to the switch from a host so far. */
  long framesFrom(Place host) throws IOException {
    String port = "to-" + host.name().toLowerCase(Locale.ROOT);
    String statistics = "/sys/class/net/" + port + "/statistics/rx_packets";
    return Long.parseLong(run(at(Place.CLIENT, List.of("cat", statistics))).strip());
  }

  /** The guest's tap device on a host is deleted, as an administrator might by mistake. */
  void deleteTap(Place host) throws IOException {
    in(host, "link", "delete", TAP);
  }

  private String name(Place place) {
    return prefix + place.name().toLowerCase(Locale.ROOT);
  }

  private void in(Place place, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("ip", "-n", name(place)));
    command.addAll(List.of(arguments));
    run(command);
  }

  private void ip(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    run(command);
  }

  private boolean tries(String... arguments) {
    try {
      ip(arguments);
      return true;
    } catch (IOException | AssertionError e) {
      return false;
    }
  }

  private static String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.onExit().join().exitValue()).as("%s: %s", command, said).isZero();
    return said;
  }

  /** Removes the namespaces with everything in them. */
  @Override
  public void close() {
    for (Place place : Place.values()) {
      tries("netns", "delete", name(place));
    }
  }
}
