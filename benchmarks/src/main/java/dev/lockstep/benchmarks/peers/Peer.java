package dev.lockstep.benchmarks.peers;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Who runs the guest: the command, whose console is its standard output. */
enum Peer {
  LOCKSTEP("Lockstep"),
  QEMU("QEMU"),
  QEMU_ICOUNT("QEMU icount");

  /** QEMU has ACPI, without which its guest could not switch it off, and no entropy device. */
  private static final String QEMU_APPEND =
      "console=ttyS0 panic=-1 mitigations=off random.trust_bootloader=on quiet lockstep.run=\"%s\"";

  private final String label;

  Peer(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }

  boolean isJava() {
    return this == LOCKSTEP;
  }

  /**
   * The command's words.
   *
   * @param home of Lockstep
   * @param image the guest's folder
   * @param disk a copy of its disk
   * @param memoryMebibytes the guest's
   * @param program what the guest runs
   */
  List<String> words(Path home, Path image, Path disk, int memoryMebibytes, String program) {
    if (this == LOCKSTEP) {
      return List.of(
          home.resolve("lockstep").toString(),
          "run",
          "--json",
          "--engine",
          "soft",
          "--memory",
          memoryMebibytes + "M",
          "--disk",
          disk.toString(),
          "--append",
          "quiet lockstep.run=\"%s\"".formatted(program));
    }
    List<String> words = new ArrayList<>(List.of("qemu-system-x86_64", "-accel", "tcg"));
    if (this == QEMU_ICOUNT) {
      words.addAll(List.of("-icount", "shift=auto"));
    }
    words.addAll(
        List.of(
            "-smp",
            "1",
            "-m",
            memoryMebibytes + "M",
            "-display",
            "none",
            "-monitor",
            "none",
            "-parallel",
            "none",
            "-net",
            "none",
            "-no-reboot",
            "-serial",
            "stdio",
            "-kernel",
            image.resolve("vmlinuz").toString(),
            "-initrd",
            image.resolve("initrd").toString(),
            "-append",
            QEMU_APPEND.formatted(program),
            "-drive",
            "file=%s,format=raw,if=virtio".formatted(disk)));
    return words;
  }
}
