package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.OutputConsumer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The guest image's machine, with a disk of its own for each run. */
final class DebianGuest {
  static final int UART0 = 0;

  private static final long WALL_CLOCK_NANOS = 1_767_225_600_000_000_000L;
  private static final long PATIENCE_NANOS = 240_000_000_000L;

  private final Path image;

  private DebianGuest(Path image) {
    this.image = image;
  }

  /** Makes the guest image if it is not there; without one the test is skipped by name. */
  static DebianGuest prepare() throws IOException, InterruptedException {
    Path root = Path.of("..").toAbsolutePath().normalize();
    Path folder =
        Optional.ofNullable(System.getenv("LOCKSTEP_CACHE"))
            .map(Path::of)
            .orElse(root.resolve(".cache").resolve("guest"));
    if (!Files.exists(folder.resolve("complete"))) {
      Process made =
          new ProcessBuilder(root.resolve("scripts/guest-image").toString(), folder.toString())
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.INHERIT)
              .start();
      made.waitFor(10, TimeUnit.MINUTES);
    }
    assumeTrue(
        Files.exists(folder.resolve("complete")),
        "SKIPPED: no guest image in %s, and scripts/guest-image cannot make it here"
            .formatted(folder));
    return new DebianGuest(folder);
  }

  /** A new disk. */
  Path disk(Path file) throws IOException {
    return Files.copy(image.resolve("disk.ext4"), file);
  }

  Path initrd() {
    return image.resolve("initrd");
  }

  /** A module of the guest's kernel that is no part of the guest; without it the test is skipped by name. */
  Path module(String name) {
    Path module = image.resolve(name);
    assumeTrue(
        Files.exists(module),
        "SKIPPED: the guest image in %s has no %s; make it anew by scripts/guest-image"
            .formatted(image, name));
    return module;
  }

  MachineConfig config(Path disk) {
    return builder(initrd(), disk).build();
  }

  /** With a kernel whose reads of the time-stamp counter are patched. */
  MachineConfig patchedConfig(Path initrd, Path disk) {
    return builder(initrd, disk).patchTsc(true).build();
  }

  private MachineConfigBuilder builder(Path initrd, Path disk) {
    Origin origin = new Origin("test");
    return MachineConfig.builder()
        .kernel(image.resolve("vmlinuz").toString(), origin)
        .initrd(initrd.toString(), origin)
        .drive(disk.toString(), false, origin)
        .seed(1);
  }

  Machine machine(Path disk) {
    MachineConfig config = config(disk);
    MachineSpec spec = ConfiguredMachine.spec(config, WALL_CLOCK_NANOS);
    return ConfiguredMachine.create(config, spec, DiskUse.DIRECT);
  }

  Machine restored(Path snapshot, Path disk) {
    return ConfiguredMachine.restore(config(disk), DiskUse.DIRECT, snapshot);
  }

  static void type(Machine machine, String line) {
    boolean taken =
        machine.inject(
            new MachineInput.ConsoleBytes(
                UART0, (line + "\n").getBytes(StandardCharsets.US_ASCII)));
    assertThat(taken).isTrue();
  }

  /** What the guest has printed. */
  static final class Screen implements OutputConsumer {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public synchronized void accept(int stream, long offset, byte[] data) {
      if (stream == UART0) {
        bytes.writeBytes(data);
        notifyAll();
      }
    }

    synchronized byte[] bytes() {
      return bytes.toByteArray();
    }

    @Override
    public synchronized String toString() {
      return bytes.toString(StandardCharsets.ISO_8859_1);
    }

    /** Waits for a text, which must come after {@code from}; answers where it ends. */
    synchronized int await(String text, int from) throws InterruptedException {
      long deadline = System.nanoTime() + PATIENCE_NANOS;
      while (true) {
        int at = toString().indexOf(text, from);
        if (at >= 0) {
          return at + text.length();
        }
        long left = deadline - System.nanoTime();
        assertThat(left).as("'%s' after %d in:%n%s", text, from, this).isPositive();
        wait(Math.max(1, left / 1_000_000));
      }
    }
  }
}
