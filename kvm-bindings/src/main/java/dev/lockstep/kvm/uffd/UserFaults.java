package dev.lockstep.kvm.uffd;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lockstep.kvm.DescriptorCalls;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.uffd_msg;
import dev.lockstep.kvm.layout.uffdio_api;
import dev.lockstep.kvm.layout.uffdio_copy;
import dev.lockstep.kvm.layout.uffdio_range;
import dev.lockstep.kvm.layout.uffdio_register;
import dev.lockstep.kvm.layout.uffdio_writeprotect;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/**
 * A userfaultfd: the faults of the ranges registered with it, read one at a time, and the ways to end them. One thread at a time uses it; that thread never touches the ranges' missing pages itself.
 * Addresses are this process's own and ranges are whole pages. Closing it ends all waiting: missing pages become zeros, protection is gone.
 */
public final class UserFaults implements AutoCloseable {
  private static final Path DEVICE = Path.of("/dev/userfaultfd");

  private static final MemorySegment SYSCALL = Libc.find("syscall");

  private static final String ADVICE =
      "KVM's own accesses must be told too, which takes CAP_SYS_PTRACE, sysctl vm.unprivileged_userfaultfd=1, or the right to open "
          + DEVICE
          + " (Linux 6.1).";

  private static final long MESSAGE_BYTES = uffd_msg.sizeof();

  /** struct uffdio_zeropage: range, mode, and the number of bytes done, of which jextract printed none. */
  static final int ZEROPAGE_BYTES = 32;

  static final int ZEROPAGE_DONE = 24;

  /** -1 once closed, so that a number that another file has meanwhile is never used. */
  private volatile int fd;

  private final Set<FaultFeature> features;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment message = arena.allocate(MESSAGE_BYTES, 8);
  private final MemorySegment copy = uffdio_copy.allocate(arena);
  private final MemorySegment zero = arena.allocate(ZEROPAGE_BYTES, 8);
  private final MemorySegment protection = uffdio_writeprotect.allocate(arena);
  private final MemorySegment range = uffdio_range.allocate(arena);

  private UserFaults(int fd, Set<FaultFeature> features) {
    this.fd = fd;
    this.features = features;
  }

  /** What this kernel has. */
  public static Set<FaultFeature> available() {
    int fd = newDescriptor();
    try {
      return handshake(fd, Set.of());
    } finally {
      Libc.close(fd);
    }
  }

  /**
   * Opens one that tells faults of user mode and of the kernel on this process's behalf, KVM's among them.
   *
   * @throws KvmException if it is not permitted, or a feature is missing, which is named
   */
  public static UserFaults open(Set<FaultFeature> features) {
    EnumSet<FaultFeature> missing = EnumSet.noneOf(FaultFeature.class);
    missing.addAll(features);
    missing.removeAll(available());
    if (!missing.isEmpty()) {
      throw new KvmException(
          "UFFDIO_API for " + missing,
          -1,
          Errno.EINVAL,
          "This kernel's userfaultfd lacks " + missing + ": a later kernel has it.");
    }
    int fd = newDescriptor();
    try {
      handshake(fd, features);
      return new UserFaults(fd, Set.copyOf(features));
    } catch (RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static int newDescriptor() {
    long flags = LinuxKvm.O_CLOEXEC() | LinuxKvm.O_NONBLOCK();
    int result = (int) Libc.callLong(SYSCALL, UffdAbi.SYS_userfaultfd, flags, 0);
    if (result == -Errno.EPERM) {
      int device = Libc.open(DEVICE.toString(), LinuxKvm.O_RDWR() | LinuxKvm.O_CLOEXEC());
      if (device >= 0) {
        result = Libc.ioctl(device, UffdAbi.USERFAULTFD_IOC_NEW, flags);
        Libc.close(device);
      }
    }
    if (result < 0) {
      throw new KvmException("userfaultfd", -1, -result, ADVICE);
    }
    return result;
  }

  private static Set<FaultFeature> handshake(int fd, Set<FaultFeature> wanted) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment api = uffdio_api.allocate(call);
      uffdio_api.api(api, LinuxKvm.UFFD_API());
      long bits = 0;
      for (FaultFeature feature : wanted) {
        bits |= feature.bit();
      }
      uffdio_api.features(api, bits);
      DescriptorCalls.checked("UFFDIO_API", fd, Libc.ioctl(fd, LinuxKvm.UFFDIO_API(), api));
      EnumSet<FaultFeature> has = EnumSet.noneOf(FaultFeature.class);
      for (FaultFeature feature : FaultFeature.values()) {
        if ((uffdio_api.features(api) & feature.bit()) != 0) {
          has.add(feature);
        }
      }
      return has;
    }
  }

  /**
   * Faults of a range are told from now on.
   *
   * @param memory whole pages of a mapping; not of its copies, and not twice
   * @throws KvmException EINVAL for memory of a kind or mode that the kernel or the features of this descriptor do not have, EBUSY if another userfaultfd has it
   */
  public void register(MemorySegment memory, Set<FaultMode> modes) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment register = uffdio_register.allocate(call);
      setRange(uffdio_register.range(register), memory.address(), memory.byteSize());
      long bits = 0;
      for (FaultMode mode : modes) {
        bits |= mode.bit();
      }
      uffdio_register.mode(register, bits);
      int result = Libc.ioctl(fd, LinuxKvm.UFFDIO_REGISTER(), register);
      if (result < 0) {
        throw new KvmException(
            "UFFDIO_REGISTER %s of 0x%x bytes at 0x%x"
                .formatted(modes, memory.byteSize(), memory.address()),
            fd,
            -result,
            "This kernel cannot tell these faults of this kind of memory; it was opened for "
                + features
                + ".");
      }
    }
  }

  /** Faults of a range are no longer told; who waits for one goes on. */
  public void unregister(MemorySegment memory) {
    setRange(range, memory.address(), memory.byteSize());
    DescriptorCalls.checked(
        "UFFDIO_UNREGISTER", fd, Libc.ioctl(fd, LinuxKvm.UFFDIO_UNREGISTER(), range));
  }

  /** Waits until there is an event: 1, or 0 when the time is up, or -EINTR. */
  public int await(int timeoutMillis) {
    return DescriptorCalls.awaitReadable(fd, timeoutMillis);
  }

  /**
   * Takes the next fault, if there is one, which {@link #address}, {@link #isWrite}, {@link #isProtection} and {@link #thread} then describe.
   *
   * @return false if no thread waits (EAGAIN)
   */
  public boolean next() {
    long result = DescriptorCalls.read(fd, message, MESSAGE_BYTES);
    if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
      return false;
    }
    if (result != MESSAGE_BYTES) {
      throw new KvmException(
          "read of a userfaultfd", fd, result < 0 ? (int) -result : Errno.EINVAL);
    }
    int event = Byte.toUnsignedInt(uffd_msg.event(message));
    if (event != UffdAbi.UFFD_EVENT_PAGEFAULT) {
      throw new IllegalStateException("a userfaultfd event 0x%x, not asked for".formatted(event));
    }
    return true;
  }

  /** Where the fault is: its page, or its byte with {@link FaultFeature#EXACT_ADDRESS}. */
  public long address() {
    return uffd_msg.arg.pagefault.address(uffd_msg.arg.pagefault(uffd_msg.arg(message)));
  }

  /** Whether it was a write. */
  public boolean isWrite() {
    return (flags() & LinuxKvm.UFFD_PAGEFAULT_FLAG_WRITE()) != 0;
  }

  /** Whether the page is there, but protected. */
  public boolean isProtection() {
    return (flags() & LinuxKvm.UFFD_PAGEFAULT_FLAG_WP()) != 0;
  }

  /** The thread that waits, with {@link FaultFeature#THREAD}; else 0. */
  public int thread() {
    MemorySegment fault = uffd_msg.arg.pagefault(uffd_msg.arg(message));
    return uffd_msg.arg.pagefault.feat.ptid(uffd_msg.arg.pagefault.feat(fault));
  }

  private long flags() {
    return uffd_msg.arg.pagefault.flags(uffd_msg.arg.pagefault(uffd_msg.arg(message)));
  }

  /**
   * Gives missing pages their content and wakes who waits for them.
   *
   * @param to the first page's address
   * @param from the content, native, whole pages
   * @return the bytes that were copied, or -EEXIST if the first page is there already, or -EAGAIN or -ENOENT if the mapping is being changed
   */
  public long copy(long to, MemorySegment from) {
    return copy(to, from, 0);
  }

  /** As {@link #copy(long, MemorySegment)}, of pages that are protected from the start. */
  public long copyProtected(long to, MemorySegment from) {
    return copy(to, from, LinuxKvm.UFFDIO_COPY_MODE_WP());
  }

  private long copy(long to, MemorySegment from, long mode) {
    uffdio_copy.dst(copy, to);
    uffdio_copy.src(copy, from.address());
    uffdio_copy.len(copy, from.byteSize());
    uffdio_copy.mode(copy, mode);
    uffdio_copy.copy(copy, 0);
    int result = Libc.ioctl(fd, LinuxKvm.UFFDIO_COPY(), copy);
    return done("UFFDIO_COPY", result, uffdio_copy.copy(copy));
  }

  /** Makes missing pages of zeros, as {@link #copy(long, MemorySegment)} makes others. */
  public long zero(long to, long bytes) {
    setRange(zero, to, bytes);
    zero.set(JAVA_LONG, 16, 0);
    zero.set(JAVA_LONG, ZEROPAGE_DONE, 0);
    int result = Libc.ioctl(fd, LinuxKvm.UFFDIO_ZEROPAGE(), zero);
    return done("UFFDIO_ZEROPAGE", result, zero.get(JAVA_LONG, ZEROPAGE_DONE));
  }

  private long done(String name, int result, long done) {
    if (result == 0 || done > 0) {
      return done;
    }
    if (result == -Errno.EEXIST || result == -Errno.EAGAIN || result == -Errno.ENOENT) {
      return result;
    }
    throw new KvmException(name, fd, -result);
  }

  /** Writes to these pages are told from now on; the range is registered for {@link FaultMode#WRITE_PROTECT}. Pages that are not there are not guarded without {@link FaultFeature#WRITE_PROTECT_UNPOPULATED}. */
  public int protect(long address, long bytes) {
    return protection(address, bytes, LinuxKvm.UFFDIO_WRITEPROTECT_MODE_WP());
  }

  /** Takes the guard off and wakes who waits. */
  public int unprotect(long address, long bytes) {
    return protection(address, bytes, 0);
  }

  /** 0, or -EAGAIN if the mapping is being changed. */
  private int protection(long address, long bytes, long mode) {
    setRange(uffdio_writeprotect.range(protection), address, bytes);
    uffdio_writeprotect.mode(protection, mode);
    int result = Libc.ioctl(fd, LinuxKvm.UFFDIO_WRITEPROTECT(), protection);
    return result == -Errno.EAGAIN
        ? result
        : DescriptorCalls.checked("UFFDIO_WRITEPROTECT", fd, result);
  }

  /** Lets who waits for these pages try again. */
  public void wake(long address, long bytes) {
    setRange(range, address, bytes);
    DescriptorCalls.checked("UFFDIO_WAKE", fd, Libc.ioctl(fd, LinuxKvm.UFFDIO_WAKE(), range));
  }

  private static void setRange(MemorySegment range, long address, long bytes) {
    uffdio_range.start(range, address);
    uffdio_range.len(range, bytes);
  }

  /** The descriptor. */
  public int fd() {
    return fd;
  }

  @Override
  public synchronized void close() {
    int open = fd;
    if (open >= 0) {
      fd = -1;
      Libc.close(open);
      arena.close();
    }
  }
}
