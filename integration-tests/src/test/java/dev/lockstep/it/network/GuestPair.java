package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import tools.jackson.databind.JsonNode;

/** A Linux guest on the two hosts of a lab, a replica on each, with a service. */
final class GuestPair implements AutoCloseable {
  static final long PATIENCE_MILLIS = 240_000;

  /** What the guest does. */
  enum Service {
    /** busybox's nc, which gives back what it gets. */
    ECHO("echo", 7, "nc -ll -p 7 -e cat"),
    /** The same for short blocks. */
    PING("ping", 7, "nc -ll -p 7 -e cat"),
    /** The same in a guest whose processor is never idle. */
    BUSY_PING("ping", 7, "while :; do :; done & nc -ll -p 7 -e cat"),
    /** The same in a guest with 128 MiB in memory that no packing makes smaller. */
    FULL_PING("ping", 7, "dd if=/dev/urandom of=/filling bs=1M count=128; nc -ll -p 7 -e cat"),
    /** Debian's nginx. */
    NGINX("http", 80, "nginx"),
    /** The same for a client that asks ahead. */
    NGINX_STREAM("stream", 80, "nginx"),
    /** Debian's redis, some commands at a time. */
    REDIS("redis", 6379, "redis"),
    /** The same for a client that asks ahead. */
    REDIS_STREAM("redis-stream", 6379, "redis");

    private final String client;
    private final int port;
    private final String command;

    Service(String client, int port, String command) {
      this.client = client;
      this.port = port;
      this.command = command;
    }

    /** Where the guest image is, with what the service needs in it. */
    private Path image() throws IOException, InterruptedException {
      return isOfDebian() ? GuestImage.folder("guest-service", command) : GuestImage.folder();
    }

    /** Has an initramfs of its own, which {@code scripts/guest-service} makes. */
    private boolean isOfDebian() {
      return command.equals("nginx") || command.equals("redis");
    }
  }

  /** How the guest is joined to the world. */
  enum Attachment {
    /** By a tap device on the bridge of the host that runs it: clients come from anywhere, and stay when it moves. */
    TAP("tap=" + Lab.TAP + System.getProperty("bench.net", ""), Lab.GUEST + "/24"),
    /** By a passt of each host: {@link #PASST_PORT} of whichever host runs it is nginx's. */
    PASST("passt,forward=tcp:" + PASST_PORT + ":80", "dhcp");

    private final String option;
    private final String address;

    Attachment(String option, String address) {
      this.option = option;
      this.address = address;
    }
  }

  private static final int PASST_PORT = 8080;
  private static final int REPLICATION_PORT = 7070;

  private final Lab lab;
  private final Path image;
  private final Path folder;
  private final Service service;
  private final Attachment attachment;
  private final long seed;
  private final List<String> options;
  private final Map<Lab.Place, LabProcess> replicas = new EnumMap<>(Lab.Place.class);
  private Lab.Place primary = Lab.Place.A;
  private int started;
  private int clients;
  private boolean isEncrypted;

  /**
   * Where the guest image cannot be made the test is skipped by name.
   *
   * @param options that both replicas get as well
   */
  GuestPair(Lab lab, Service service, Path folder, long seed, String... options)
      throws IOException, InterruptedException {
    this(lab, service, Attachment.TAP, folder, seed, options);
  }

  /** The same, of a guest that is attached otherwise. */
  GuestPair(
      Lab lab, Service service, Attachment attachment, Path folder, long seed, String... options)
      throws IOException, InterruptedException {
    this.lab = lab;
    this.attachment = attachment;
    this.options = List.of(options);
    this.image = service.image();
    this.folder = folder;
    this.service = service;
    this.seed = seed;
    Files.createDirectories(folder.resolve("arbiter"));
  }

  /** From here on the replicas speak TLS with each other, with certificates of an authority of their own. Before they are started. */
  void encrypt() throws IOException {
    Path authority = folder.resolve("pki");
    lab.lockstep(Lab.Place.CLIENT, "pki", "init", "--pki", authority.toString());
    for (Lab.Place host : List.of(Lab.Place.A, Lab.Place.B)) {
      lab.lockstep(
          Lab.Place.CLIENT,
          "pki",
          "issue",
          host.name(),
          Lab.address(host),
          "--pki",
          authority.toString());
    }
    isEncrypted = true;
  }

  /** Powers the guest on as a pair with its primary on host A, and waits until it is protected. */
  void powerOn() throws IOException, InterruptedException {
    start(Lab.Place.B, "backup", List.of());
    start(Lab.Place.A, "primary", List.of("--peer", address(Lab.Place.B)));
    primary().awaitPhase("primary", "protected", 0, PATIENCE_MILLIS);
  }

  private static String address(Lab.Place host) {
    return Lab.address(host) + ":" + REPLICATION_PORT;
  }

  private void start(Lab.Place host, String role, List<String> own)
      throws IOException, InterruptedException {
    LabProcess before = replicas.get(host);
    if (before != null) {
      before.close();
    }
    String name = host.name().toLowerCase(Locale.ROOT) + started++;
    Path disk = folder.resolve(name + ".img");
    Files.copy(image.resolve("disk.ext4"), disk, StandardCopyOption.REPLACE_EXISTING);
    List<String> command = new ArrayList<>(Lab.java("dev.lockstep.cli.Lockstep"));
    command.addAll(
        List.of(
            role,
            "--json",
            "--arbiter",
            folder.resolve("arbiter").toString(),
            "--listen",
            address(host),
            "--replica",
            name,
            "--disk",
            disk.toString(),
            "--net",
            attachment.option,
            "--seed",
            Long.toString(seed),
            "--append",
            "quiet lockstep.ip=%s lockstep.run=\"%s\""
                .formatted(attachment.address, service.command)));
    if (service.isOfDebian()) {
      command.addAll(
          List.of(
              "--kernel",
              image.resolve("vmlinuz").toString(),
              "--initrd",
              image.resolve("initrd-" + service.command).toString()));
    }
    if (isEncrypted) {
      command.addAll(
          List.of("--tls", folder.resolve("pki").resolve("hosts").resolve(host.name()).toString()));
    }
    command.addAll(options);
    command.addAll(own);
    if (Boolean.getBoolean("bench.cores")) {
      command.addAll(0, List.of("taskset", "-c", host == Lab.Place.A ? "0" : "1"));
    }
    replicas.put(
        host, LabProcess.start(name, lab.at(host, command), folder.resolve(name + ".log")));
  }

  /** A client with a connection to the guest's service. */
  LabProcess client(long clientSeed) throws IOException, InterruptedException {
    return client(clientSeed, 0);
  }

  /** As {@link #client(long)}, one that rests between two blocks. */
  LabProcess client(long clientSeed, long restMillis) throws IOException, InterruptedException {
    return client(Lab.Place.CLIENT, Lab.GUEST, service.port, clientSeed, restMillis);
  }

  /** A client on the primary's host, by that host's passt. */
  LabProcess clientOfPasst(long clientSeed) throws IOException, InterruptedException {
    return client(primary, "127.0.0.1", PASST_PORT, clientSeed, 0);
  }

  private LabProcess client(
      Lab.Place place, String address, int port, long clientSeed, long restMillis)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(Lab.java(SteadyClient.class.getName()));
    command.addAll(
        List.of(
            service.client,
            address,
            Integer.toString(port),
            Long.toString(clientSeed),
            Long.toString(restMillis)));
    LabProcess client =
        LabProcess.start(
            "client", lab.at(place, command), folder.resolve("client%d.log".formatted(clients++)));
    client.await("its connection", 0, event -> event.has("connected"), PATIENCE_MILLIS);
    return client;
  }

  /** Gives the client an order; the longest time, since the order before, that it was without an answer. */
  static long longestGapMicros(LabProcess client, String order)
      throws IOException, InterruptedException {
    return ask(client, order).path("longest_gap_micros").asLong();
  }

  /** Gives the client an order; what it says. */
  static JsonNode ask(LabProcess client, String order) throws IOException, InterruptedException {
    int said = client.said();
    client.tell(order);
    return client.await(
        "an answer to " + order,
        said,
        event -> event.path("order").asString("").equals(order),
        PATIENCE_MILLIS);
  }

  /** Both replicas. */
  List<LabProcess> replicas() {
    return List.copyOf(replicas.values());
  }

  /** The host whose replica runs the guest. */
  Lab.Place primaryHost() {
    return primary;
  }

  LabProcess primary() {
    return replica(primary);
  }

  LabProcess backup() {
    return replica(primary.other());
  }

  private LabProcess replica(Lab.Place host) {
    LabProcess replica = replicas.get(host);
    if (replica == null) {
      throw new IllegalStateException("no replica runs on host " + host);
    }
    return replica;
  }

  /** Waits, if a host that is too busy has lost the pair its backup, until it has joined again; whether it had to. */
  boolean awaitBackup() throws InterruptedException {
    int said = primary().said();
    JsonNode last = primary().last("phase");
    if (last.path("phase").asString("").equals("protected")) {
      return false;
    }
    System.out.println("network: not protected, though nobody was killed: " + last);
    primary().awaitPhase("primary", "protected", said, PATIENCE_MILLIS);
    return true;
  }

  /** Waits until the backup has taken over; from now on its host is the primary's. */
  void awaitTakeover(int from) throws InterruptedException {
    backup().awaitPhase("primary", "not_protected", from, PATIENCE_MILLIS);
    primary = primary.other();
  }

  /** Waits until one of the two runs the guest alone, and the other knows that it does not; says which. */
  Lab.Place awaitDecision(int saidByPrimary, int saidByBackup) throws InterruptedException {
    Lab.Place before = primary;
    long until = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
    while (System.nanoTime() < until) {
      if (backup().hasSaid(saidByBackup, "primary", "not_protected")) {
        primary = before.other();
        assertThat(backup().awaitEnd(PATIENCE_MILLIS)).as("the loser's exit status").isEqualTo(84);
        return primary;
      }
      if (primary().hasSaid(saidByPrimary, "primary", "not_protected")) {
        backup().awaitLoss(saidByBackup, PATIENCE_MILLIS);
        return primary;
      }
      TimeUnit.MILLISECONDS.sleep(10);
    }
    throw new AssertionError("nobody has decided; see " + folder);
  }

  /** Waits until the backup that lost joins anew by itself. */
  void awaitProtected(int from) throws InterruptedException {
    primary().awaitPhase("primary", "protected", from, PATIENCE_MILLIS);
  }

  /** Brings a new backup in on the host that has none, and waits until the guest is protected. */
  void protect() throws IOException, InterruptedException {
    int said = primary().said();
    join();
    primary().awaitPhase("primary", "protected", said, PATIENCE_MILLIS);
  }

  /** Starts a new backup on the host that has none. */
  void join() throws IOException, InterruptedException {
    start(primary.other(), "backup", List.of("--peer", address(primary)));
  }

  @Override
  public void close() {
    for (LabProcess replica : replicas.values()) {
      replica.close();
    }
  }
}
