package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A file whose pages are laid over parts of a mapping, copy-on-write: read when they are touched first, and what is written to them stays in this process. */
public final class FilePages implements AutoCloseable {
  /** O_RDONLY | O_CLOEXEC (asm-generic/fcntl.h). */
  private static final int READ_ONLY = 02000000;

  private final int fd;

  private FilePages(int fd) {
    this.fd = fd;
  }

  /** Links the calls that this class makes, and with them all that {@link Libc} makes, which takes a JVM that has just begun some 40 ms: for a thread that has nothing better to do meanwhile. */
  public static void link() {
    Libc.close(-1);
    Mappings.pageSize();
  }

  /**
   * Opens a file for reading.
   *
   * @throws KvmException if it cannot be opened
   */
  public static FilePages open(Path file) {
    int fd = Libc.open(file.toString(), READ_ONLY);
    if (fd < 0) {
      throw new KvmException("open of '" + file + "'", -1, -fd);
    }
    return new FilePages(fd);
  }

  /**
   * Lays the file's bytes from an offset on over a part of a mapping, with which they are unmapped; what was there is gone. The file may be closed afterwards. It is not to be shortened while
   * it is mapped: a page that is not there any more is a SIGBUS.
   *
   * @param place begins at a page of the host's
   * @param offset a multiple of the host's page size
   * @throws KvmException if the kernel refuses
   */
  public void layOver(MemorySegment place, long offset) {
    if (!place.isNative() || (place.address() | offset) % Mappings.pageSize() != 0) {
      throw new IllegalArgumentException(
          "0x%x bytes at 0x%x, from %d on, do not begin at pages"
              .formatted(place.byteSize(), place.address(), offset));
    }
    Libc.mmapOver(
        place,
        Access.READ_WRITE.bits(),
        LinuxKvm.MAP_PRIVATE() | LinuxKvm.MAP_FIXED() | LinuxKvm.MAP_NORESERVE(),
        fd,
        offset);
  }

  @Override
  public void close() {
    Libc.close(fd);
  }
}
