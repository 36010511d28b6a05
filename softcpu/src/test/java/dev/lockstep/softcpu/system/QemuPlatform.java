package dev.lockstep.softcpu.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a case on QEMU's emulator (TCG), which loads it by its multiboot header and gives the log by its debug console. */
final class QemuPlatform {
  private static final Path QEMU = Path.of("/usr/bin/qemu-system-x86_64");

  /** The log of a case that does not end. */
  static final String NO_END = "no end";

  private static final int TIMEOUT_SECONDS = 60;

  /** For cases that are not expected to end. */
  private static final int PATIENCE_SECONDS = 5;

  /** The exit status of debug-exit with 0. */
  private static final int ENDED = 1;

  private QemuPlatform() {}

  static boolean isThere() {
    return Files.isExecutable(QEMU);
  }

  /**
   * @param endless whether the case is not expected to end
   * @param directory for the image and the log
   * @return the log, and a last line "shutdown" where the machine was reset by a triple fault
   */
  static List<String> run(Image image, boolean endless, Path directory)
      throws IOException, InterruptedException {
    Path kernel = directory.resolve("case.img");
    Path console = directory.resolve("case.log");
    Files.write(kernel, image.bytes);
    Files.deleteIfExists(console);
    Process qemu =
        new ProcessBuilder(
                QEMU.toString(),
                "-accel",
                "tcg",
                "-cpu",
                "qemu64,+pdpe1gb",
                "-m",
                "64M",
                "-nodefaults",
                "-display",
                "none",
                "-no-reboot",
                "-kernel",
                kernel.toString(),
                "-debugcon",
                "file:" + console,
                "-device",
                "isa-debug-exit,iobase=0xf4,iosize=0x04")
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("case.out").toFile())
            .start();
    if (!qemu.waitFor(endless ? PATIENCE_SECONDS : TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
      qemu.destroyForcibly().waitFor();
      return List.of(NO_END);
    }
    byte[] log = Files.exists(console) ? Files.readAllBytes(console) : new byte[0];
    List<String> lines = new ArrayList<>(image.lines(log));
    if (qemu.exitValue() != ENDED) {
      lines.add("shutdown");
    }
    return lines;
  }
}
