package dev.lockstep.cli.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel lets a process do beyond its user's rights (capabilities(7)), as far as it matters here. */
enum Capability {
  /** Networks: make interfaces, plug them together. */
  NET_ADMIN(12),
  /** Priorities. */
  SYS_NICE(23);

  private static final Path STATUS = Path.of("/proc/self/status");

  private final int bit;

  Capability(int bit) {
    this.bit = bit;
  }

  /** Whether this process has it. */
  boolean held() {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("CapEff:")) {
          long effective = Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16);
          return (effective >>> bit & 1) != 0;
        }
      }
    } catch (IOException e) {
      return false;
    }
    return false;
  }
}
