package dev.lockstep.benchmarks.peers;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What the guest runs after its boot, from which disk. */
enum Payload {
  /** Small loops: programs of busybox over data in memory. */
  BUSYBOX(
      "disk.ext4",
      "lockstep-bench-set",
      "sha256",
      "md5",
      "grep",
      "pipe",
      "awk",
      "gzip",
      "sort",
      "bzip2",
      "forks",
      "reads",
      "loop"),
  /** Large programs: Debian's, on a disk with its minimal system. */
  DEBIAN(
      "debian.ext4",
      "chroot /mnt lockstep-debian-set",
      "sqlite",
      "python",
      "openssl",
      "redis",
      "iperf3");

  private final String disk;
  private final String command;
  private final List<String> programs;

  Payload(String disk, String command, String... programs) {
    this.disk = disk;
    this.command = command;
    this.programs = List.of(programs);
  }

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * By its label.
   *
   * @throws IllegalArgumentException if there is none
   */
  static Payload of(String label) {
    return Arrays.stream(values())
        .filter(it -> it.label().equals(label))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no payload '%s': there are %s"
                    .formatted(label, Arrays.stream(values()).map(Payload::label).toList())));
  }

  /** The disk's image, of which each run gets a copy. */
  Path disk(Path image) {
    return image.resolve(disk);
  }

  /** What the guest's session runs, the amounts of work divided by {@code divisor}. */
  String command(int divisor) {
    return command + " " + divisor;
  }

  /** Names of the programs in the marks, in order. */
  List<String> programs() {
    return programs;
  }
}
