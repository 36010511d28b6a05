package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.MachineLayout;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * Guest memory from the host: a mapping of a file without a name, so that only pages which are touched cost anything and
 * none is zeroed by hand. In memory (/dev/shm) where there is room, else in the temporary directory.
 */
final class HostMemory {
  private HostMemory() {}

  /**
   * Maps memory for a guest.
   *
   * @param arena whose end gives it back
   * @throws VmmException if there is not enough
   */
  static GuestMemory map(Arena arena, long bytes) {
    List<GuestMemory.Region> regions = MachineLayout.memoryRegions(bytes);
    List<Path> places =
        List.of(Path.of("/dev/shm"), Path.of(System.getProperty("java.io.tmpdir", "/tmp")));
    for (Path place : places) {
      try {
        if (Files.isDirectory(place)
            && Files.isWritable(place)
            && Files.getFileStore(place).getUsableSpace() >= bytes) {
          return new GuestMemory(mapFile(place, arena, bytes), regions);
        }
      } catch (IOException e) {
        throw new VmmException(
            "cannot map %d MiB of guest memory in '%s': %s".formatted(bytes >> 20, place, e),
            "Give the guest less memory, or make room.",
            e);
      }
    }
    throw new VmmException(
        "there is no room for %d MiB of guest memory in %s".formatted(bytes >> 20, places),
        "Give the guest less memory, or make room.");
  }

  /**
   * Where a page of the mapping is for the guest.
   *
   * @param page its number in the mapping
   * @throws IllegalArgumentException if it belongs to no region
   */
  static long guestPhysical(GuestMemory memory, int page) {
    long offset = (long) page << GuestMemory.PAGE_SHIFT;
    for (GuestMemory.Region region : memory.regions()) {
      if (offset >= region.offset() && offset - region.offset() < region.size()) {
        return region.guestPhysical() + offset - region.offset();
      }
    }
    throw new IllegalArgumentException("page %d of the mapping is in no region".formatted(page));
  }

  private static MemorySegment mapFile(Path directory, Arena arena, long bytes) throws IOException {
    Path file = Files.createTempFile(directory, "lockstep-memory-", "");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
      return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
    }
  }
}
