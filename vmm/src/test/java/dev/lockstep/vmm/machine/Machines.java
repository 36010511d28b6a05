package dev.lockstep.vmm.machine;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.net.MacAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** Machines for tests, on the software CPU. */
public final class Machines {
  public static final long MEMORY = 64L << 20;

  public static final MachineFactory FACTORY =
      new MachineFactory(
          "soft",
          (model, semantics, memory, tsc) -> SoftVcpu.create(model, memory, tsc, semantics));

  private Machines() {}

  public static MachineSpec spec(MachineSpec.Pacing pacing) {
    return spec(pacing, BranchSemantics.ALL_TRANSFERS);
  }

  public static MachineSpec spec(MachineSpec.Pacing pacing, BranchSemantics semantics) {
    return new MachineSpec(
        "test",
        CpuModel.LOCKSTEP_V1_TSC,
        semantics,
        MEMORY,
        1_700_000_000_000_000_000L,
        pacing,
        1 << 16,
        new TreeMap<>());
  }

  /** With a network interface. */
  public static MachineSpec networked(MachineSpec.Pacing pacing) {
    MachineSpec plain = spec(pacing);
    return new MachineSpec(
        plain.name(),
        plain.model(),
        plain.semantics(),
        plain.memoryBytes(),
        plain.wallClockNanos(),
        pacing,
        plain.digestSpacing(),
        new NetworkSpec(new MacAddress(0x525400123456L), false),
        new TreeMap<>());
  }

  public static Machine create(MachineSpec spec, GuestLoader guest) {
    return FACTORY.create(spec, List.of(), guest);
  }

  /** A machine with a disk of its own: a copy of an image. */
  public static Machine withDisk(MachineSpec spec, Path image) {
    return FACTORY.create(spec, List.of(disk(image)), DiskGuest.create());
  }

  public static MachineDisk disk(Path image) {
    return new MachineDisk("vda", DiskImage.open(image, DiskImage.Access.READ_WRITE, "test"));
  }

  /** A new image with random content. */
  public static Path image(Path file, Random random) throws IOException {
    byte[] content = new byte[DiskGuest.DISK_BYTES];
    random.nextBytes(content);
    return Files.write(file, content);
  }

  public static Path copy(Path image, String name) throws IOException {
    return Files.copy(image, image.resolveSibling(name));
  }

  public static MachineEnd await(Machine machine) throws Exception {
    return machine.ended().get(120, TimeUnit.SECONDS);
  }

  /** Keeps what leaves, checking that offsets are those of one stream without gaps. */
  static final class Console implements OutputConsumer {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public synchronized void accept(int stream, long offset, byte[] data) {
      if (offset != bytes.size()) {
        throw new IllegalStateException("offset %d after %d bytes".formatted(offset, bytes.size()));
      }
      bytes.writeBytes(data);
    }

    synchronized byte[] bytes() {
      return bytes.toByteArray();
    }

    synchronized int size() {
      return bytes.size();
    }

    @Override
    public synchronized String toString() {
      return bytes.toString(StandardCharsets.ISO_8859_1);
    }
  }
}
