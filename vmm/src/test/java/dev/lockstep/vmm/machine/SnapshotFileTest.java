package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots that do not fit or are not whole are refused early, by name; what is restored is what was saved. */
class SnapshotFileTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final MachineSpec spec = Machines.spec(Pacing.FREE);
  @TempDir Path folder = Path.of("unset");
  private Path file = Path.of("unset");
  private MachineDigest digest = new MachineDigest(0, 0, 0, List.of());

  @BeforeEach
  void save() throws Exception {
    file = folder.resolve("snapshot");
    try (Machine machine = Machines.create(spec, Guests.clockworkUntil(200))) {
      machine.start(LogSink.NONE, new DirectGate((s, o, b) -> {}), 1);
      Machines.await(machine);
      digest = machine.snapshot(file).get().digest();
    }
  }

  @Test
  void whatIsRestoredIsWhatWasSaved() throws Exception {
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), file)) {
      assertThat(machine.atBoundary(boundary -> boundary.digest(false)).get()).isEqualTo(digest);
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    try (var left = Files.list(folder)) {
      assertThat(left).containsExactly(file);
    }
  }

  @Test
  void aStartFromAMappedFileIsOneFromAStream() throws Exception {
    Path stream = folder.resolve("stream");
    MachineDigest mapped;
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), file)) {
      assertThat(machine.checkpoint(sequence -> stream).get()).isPresent();
      mapped = goOn(machine);
    }
    assertThat(Files.size(stream)).isNotEqualTo(Files.size(file));
    // A snapshot of a version before this was such a stream.
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), stream)) {
      assertThat(machine.atBoundary(boundary -> boundary.digest(false)).get()).isEqualTo(digest);
      assertThat(goOn(machine)).isEqualTo(mapped).isNotEqualTo(digest);
    }
  }

  @Test
  void machinesOfOneFileDoNotSeeEachOther() throws Exception {
    byte[] before = Files.readAllBytes(file);
    try (Machine first = Machines.FACTORY.restore(spec, List.of(), file);
        Machine second = Machines.FACTORY.restore(spec, List.of(), file)) {
      first
          .atBoundary(boundary -> {
            byte[] ones = new byte[1 << 20];
            Arrays.fill(ones, (byte) -1);
            boundary.memory().write(0, ones, 0, ones.length);
            boundary.memory().write(spec.memoryBytes() - ones.length, ones, 0, ones.length);
            return true;
          })
          .get();
      assertThat(first.atBoundary(boundary -> boundary.digest(false)).get()).isNotEqualTo(digest);
      assertThat(second.atBoundary(boundary -> boundary.digest(false)).get()).isEqualTo(digest);
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
    try (Machine third = Machines.FACTORY.restore(spec, List.of(), file)) {
      assertThat(third.atBoundary(boundary -> boundary.digest(false)).get()).isEqualTo(digest);
    }
  }

  @Test
  void memoryIsSavedWherePagesAre() throws Exception {
    Path other = folder.resolve("other");
    MachineDigest saved;
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), file)) {
      machine
          .atBoundary(boundary -> {
            for (int i = 0; i < 300; i++) {
              long page = random.nextLong(spec.memoryBytes() >>> 12) << 12;
              boundary.memory().write64(page + 8 * random.nextInt(512), random.nextLong());
            }
            boundary.memory().write8(spec.memoryBytes() - 1, 1);
            return true;
          })
          .get();
      saved = machine.snapshot(other).get().digest();
    }
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), other)) {
      assertThat(machine.atBoundary(boundary -> boundary.digest(false)).get())
          .as("seed %d", seed)
          .isEqualTo(saved);
    }
  }

  private static MachineDigest goOn(Machine machine) throws Exception {
    machine.start(LogSink.NONE, new DirectGate((s, o, b) -> {}), 1);
    Machines.await(machine);
    return machine.atBoundary(boundary -> boundary.digest(false)).get();
  }

  @Test
  void anotherMachineIsRefusedByName() {
    MachineSpec other =
        new MachineSpec(
            "test",
            CpuModel.LOCKSTEP_V1,
            spec.semantics(),
            spec.memoryBytes(),
            spec.wallClockNanos(),
            spec.pacing(),
            spec.digestSpacing(),
            new TreeMap<>());
    assertThatThrownBy(() -> Machines.FACTORY.restore(other, List.of(), file))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("CPU model")
        .hasMessageContaining("lockstep-v1-tsc");
    Path image = folder.resolve("image");
    assertThatThrownBy(() ->
            Machines.FACTORY.restore(
                spec, List.of(Machines.disk(Machines.image(image, random))), file))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("devices");
  }

  @Test
  void noDamagedFileIsRestored() throws IOException {
    System.out.println("SnapshotFileTest seed " + seed);
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < 200; i++) {
      byte[] damaged = whole.clone();
      int bit = random.nextInt(whole.length * 8);
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      refused(damaged, "bit " + bit);
    }
    for (int i = 0; i < 100; i++) {
      int length = random.nextInt(whole.length);
      refused(Arrays.copyOf(whole, length), "length " + length);
    }
  }

  private void refused(byte[] bytes, String what) throws IOException {
    Path damaged = Files.write(folder.resolve("damaged"), bytes);
    assertThatThrownBy(() -> Machines.FACTORY.restore(spec, List.of(), damaged))
        .as("seed %d %s", seed, what)
        .isInstanceOf(VmmException.class);
  }

  @Test
  void whatIsNoSnapshotIsRefused() throws IOException {
    assertThatThrownBy(() -> Machines.FACTORY.restore(spec, List.of(), folder.resolve("nothing")))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("there is no snapshot");
    Path text = Files.writeString(folder.resolve("text"), "this is a letter to my aunt");
    assertThatThrownBy(() -> Machines.FACTORY.restore(spec, List.of(), text))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("not a snapshot");
  }
}
