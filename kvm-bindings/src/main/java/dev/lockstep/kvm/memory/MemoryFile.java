package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.DescriptorCalls;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * A file in memory without a name in any folder (memfd_create(2)): several mappings, or processes that are handed its descriptor, share its pages. It lives as long as a descriptor or a mapping does;
 * closing it leaves its mappings. Safe for use by any thread.
 */
public final class MemoryFile implements AutoCloseable {
  /** -1 once closed, so that a number that another file has meanwhile is never used. */
  private volatile int fd;

  private MemoryFile(int fd) {
    this.fd = fd;
  }

  /**
   * A file of zeros that may be sealed and is closed on exec. Pages take memory when first touched.
   *
   * @param name what /proc/self/maps shows after {@code memfd:}, at most 249 bytes; need not be unique
   * @param bytes 0 or more
   */
  public static MemoryFile create(String name, long bytes) {
    return create(name, bytes, 0);
  }

  /**
   * As {@link #create(String, long)}, of huge pages that the administrator set aside (MFD_HUGETLB).
   *
   * @param bytes a multiple of the default huge page
   * @throws KvmException ENOMEM is also told when a mapping finds none left
   */
  public static MemoryFile createOfHugePages(String name, long bytes) {
    return create(name, bytes, LinuxKvm.MFD_HUGETLB());
  }

  private static MemoryFile create(String name, long bytes, int flags) {
    int fd =
        MemoryCalls.memfdCreate(
            name, LinuxKvm.MFD_CLOEXEC() | LinuxKvm.MFD_ALLOW_SEALING() | flags);
    MemoryFile file = new MemoryFile(DescriptorCalls.checked("memfd_create " + name, -1, fd));
    try {
      file.resize(bytes);
      return file;
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /**
   * ftruncate(2). Pages past a smaller end are gone; a mapping that still reaches there must not be touched (SIGBUS).
   *
   * @throws KvmException EPERM where a seal forbids it
   */
  public void resize(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("a file of " + bytes + " bytes");
    }
    int result = MemoryCalls.ftruncate(fd, bytes);
    if (result < 0) {
      throw refused("ftruncate to " + bytes + " bytes", -result);
    }
  }

  /** Gives the memory of a range of pages back; it reads as zeros. */
  public void punchHole(long offset, long bytes) {
    int result =
        MemoryCalls.fallocate(
            fd, MemoryAbi.FALLOC_FL_PUNCH_HOLE | MemoryAbi.FALLOC_FL_KEEP_SIZE, offset, bytes);
    if (result < 0) {
      throw refused("fallocate PUNCH_HOLE of " + bytes + " bytes at " + offset, -result);
    }
  }

  /**
   * A mapping whose writes are the file's; unmapped when the arena is closed.
   *
   * @param offset a multiple of the page
   */
  public MemorySegment mapShared(Arena arena, Access access, long offset, long bytes) {
    return map(arena, access, LinuxKvm.MAP_SHARED(), offset, bytes);
  }

  /** A copy-on-write mapping: it reads as the file until a page is written, which then is the mapping's own. Whether it sees later writes to the file in pages it has not written is not specified. */
  public MemorySegment mapPrivate(Arena arena, long offset, long bytes) {
    return map(arena, Access.READ_WRITE, LinuxKvm.MAP_PRIVATE(), offset, bytes);
  }

  private MemorySegment map(Arena arena, Access access, int flags, long offset, long bytes) {
    if (bytes <= 0 || offset < 0 || offset % Mappings.pageSize() != 0) {
      throw new IllegalArgumentException(
          "a mapping of %d bytes at %d: pages begin at multiples of %d"
              .formatted(bytes, offset, Mappings.pageSize()));
    }
    return Libc.mmap(arena, bytes, access.bits(), flags | LinuxKvm.MAP_NORESERVE(), fd, offset);
  }

  /** Adds seals. */
  public void seal(Set<Seal> seals) {
    int bits = 0;
    for (Seal seal : seals) {
      bits |= seal.bit();
    }
    int result = DescriptorCalls.fcntl(fd, MemoryAbi.F_ADD_SEALS, bits);
    if (result == -Errno.EBUSY) {
      throw new KvmException(
          "fcntl F_ADD_SEALS " + seals,
          fd,
          Errno.EBUSY,
          "A shared writable mapping exists: unmap it first, or seal with FUTURE_WRITE.");
    }
    if (result < 0) {
      throw refused("fcntl F_ADD_SEALS " + seals, -result);
    }
  }

  /** The seals that it has. */
  public Set<Seal> seals() {
    int bits =
        DescriptorCalls.checked(
            "fcntl F_GET_SEALS", fd, DescriptorCalls.fcntl(fd, MemoryAbi.F_GET_SEALS, 0));
    EnumSet<Seal> seals = EnumSet.noneOf(Seal.class);
    for (Seal seal : Seal.values()) {
      if ((bits & seal.bit()) != 0) {
        seals.add(seal);
      }
    }
    return seals;
  }

  private KvmException refused(String call, int errno) {
    return errno == Errno.EPERM
        ? new KvmException(call, fd, errno, "The file is sealed against this: " + seals() + ".")
        : new KvmException(call, fd, errno);
  }

  /** The descriptor, for who shares the file. */
  public int fd() {
    return fd;
  }

  @Override
  public synchronized void close() {
    int open = fd;
    if (open >= 0) {
      fd = -1;
      Libc.close(open);
    }
  }
}
