package dev.lockstep.cli.doctor;

import dev.lockstep.kvm.preflight.Preflight;
import dev.lockstep.kvm.preflight.ResourceLimit;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.nio.file.Path;

/** Memory, disk and open files. */
final class RoomCheck {
  private static final long MEBI = 1 << 20;

  /** A pair of the demo, its two JVMs and some room; one small machine. */
  private static final long MEMORY_ENOUGH = 1536 * MEBI, MEMORY_LEAST = 512 * MEBI;

  /** The demo's disks and logs; a guest image. */
  private static final long DISK_ENOUGH = 1024 * MEBI, DISK_LEAST = 256 * MEBI;

  /** A machine has a dozen or two. */
  private static final long FILES_ENOUGH = 1024;

  private RoomCheck() {}

  static Finding memory() {
    Preflight.Memory memory = Preflight.memory();
    String found =
        "%,d MiB available of %,d".formatted(memory.available() / MEBI, memory.total() / MEBI);
    return sized(
            "memory",
            "memory",
            memory.available(),
            MEMORY_ENOUGH,
            MEMORY_LEAST,
            found,
            "A guest's memory must fit, for each replica on this host, beside a JVM of 150 MiB or more.",
            "Stop other programs, or give guests less by --memory.")
        .with("available_bytes", memory.available())
        .with("total_bytes", memory.total());
  }

  static Finding disk(Path folder) {
    Preflight.Disk disk = Preflight.disk(folder);
    return sized(
            "disk",
            "disk",
            disk.available(),
            DISK_ENOUGH,
            DISK_LEAST,
            "%,d MiB free in %s".formatted(disk.available() / MEBI, folder),
            "Copies of disks, logs and snapshots go there unless a folder is named.",
            "Make room, or name folders elsewhere (--folder, --log).")
        .with("available_bytes", disk.available())
        .with("folder", folder.toString());
  }

  static Finding openFiles() {
    Preflight.Limit limit = Preflight.limit(ResourceLimit.OPEN_FILES);
    Finding finding =
        limit.allows(FILES_ENOUGH)
            ? Finding.of(
                "open_files",
                "open files",
                Verdict.OK,
                limit.soft() == Preflight.UNLIMITED
                    ? "no limit"
                    : "up to %,d".formatted(limit.soft()),
                "Many machines fit into one process.")
            : Finding.of(
                    "open_files",
                    "open files",
                    Verdict.LIMITED,
                    "up to %,d".formatted(limit.soft()),
                    "Only some machines fit into one process.")
                .advise("Raise it: %s %d.".formatted(ResourceLimit.OPEN_FILES.command(), 4096));
    return finding.with("limit", limit.soft());
  }

  private static Finding sized(
      String id,
      String what,
      long bytes,
      long enough,
      long least,
      String found,
      String meaning,
      String advice) {
    Verdict verdict =
        bytes >= enough ? Verdict.OK : bytes >= least ? Verdict.LIMITED : Verdict.MISSING;
    Finding finding = Finding.of(id, what, verdict, found, meaning);
    return verdict == Verdict.OK ? finding : finding.advise(advice);
  }
}
