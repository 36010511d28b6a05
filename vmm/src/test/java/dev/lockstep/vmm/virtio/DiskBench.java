package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.Bench;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.pci.PciBus;
import dev.lockstep.vmm.pci.PciHostBridge;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A board with memory, PCI and virtio disks over real images and backends. */
final class DiskBench implements AutoCloseable {
  static final long MEMORY_BYTES = 4 << 20;

  final Arena arena = Arena.ofShared();
  final GuestMemory memory =
      new GuestMemory(
          arena.allocate(MEMORY_BYTES, GuestMemory.PAGE_SIZE),
          List.of(new GuestMemory.Region(0, MEMORY_BYTES, 0)));
  final Bench bench = new Bench().initialisedPic();
  final PciBus pci = new PciBus(bench.bus, bench);
  final List<VirtioBlock> disks = new ArrayList<>();
  final List<VirtioPci> functions = new ArrayList<>();
  final List<DiskBackend> backends = new ArrayList<>();

  DiskBench() {
    bench.bus.mapPorts(0xcf8, 8, bench.add(pci), 0, 4);
    pci.attach(0, new PciHostBridge());
  }

  /** An image whose every sector begins with its number. */
  static Path image(Path folder, String name, int sectors) {
    Path file = folder.resolve(name);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      for (int i = 0; i < sectors; i++) {
        out.seek(512L * i);
        out.writeInt(i);
      }
      out.setLength(512L * sectors);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return file;
  }

  VirtioBlock add(Path image, DiskImage.Access access) {
    DiskImage store = DiskImage.open(image, access, "test");
    DiskBackend backend = new DiskBackend(store, "disk", request -> {});
    backends.add(backend);
    int index = disks.size();
    VirtioBlock disk =
        new VirtioBlock(index, memory, store.sizeBytes(), store.readOnly(), backend::submit);
    attach(disk, index + 1);
    disks.add(disk);
    return disk;
  }

  VirtioPci attach(VirtioDevice device, int slot) {
    VirtioPci function =
        new VirtioPci(device, memory, 0xe000_0000L + slot * 0x1_0000L, 11, bench.pic.connect(11));
    pci.attach(slot, bench.add(function));
    functions.add(function);
    return function;
  }

  Driver driver(int disk) {
    return new Driver(bench.bus, memory, disk + 1);
  }

  /** Completes everything that waits, in order, each with what its own execution came to. */
  int completeAll() {
    int completed = 0;
    for (int i = 0; i < disks.size(); i++) {
      backends.get(i).drain();
      for (DiskRequest request : disks.get(i).inFlight()) {
        DiskStatus status = request.status();
        if (status == null) {
          throw new AssertionError(request + " was not executed");
        }
        disks.get(i).complete(request.id(), status);
        completed++;
      }
    }
    return completed;
  }

  @Override
  public void close() {
    for (DiskBackend backend : backends) {
      backend.close();
      try {
        backend.store().close();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    arena.close();
  }

  static byte[] contents(Path image) {
    try {
      return Files.readAllBytes(image);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
