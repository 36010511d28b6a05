package dev.lockstep.kvm.preflight;

import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.platform.linux.LibC;
import com.sun.jna.platform.unix.Resource;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * Questions to the host. Each answers in well under a millisecond once JNA is loaded, changes nothing, and answers for the calling thread's user. Those that ask through JNA throw {@link
 * NativeLibraryException} where it cannot be loaded.
 */
public final class Preflight {
  /** No limit, in {@link Limit}. */
  public static final long UNLIMITED = -1;

  private static final Path MEMINFO = Path.of("/proc/meminfo");

  private Preflight() {}

  /** The kernel's release, as {@code uname -r} prints it. */
  public static String kernelRelease() {
    // HotSpot takes it from uname(2) at start.
    return System.getProperty("os.version");
  }

  /** The machine's kind, as {@code amd64}. */
  public static String architecture() {
    return System.getProperty("os.arch");
  }

  /** The real user's number: 0 is root. */
  public static int userId() {
    return ask(() -> LibC.INSTANCE.getuid());
  }

  /** What this user may do with a device. */
  public static DeviceAccess access(Path device) {
    return DeviceAccess.of(device);
  }

  /**
   * A limit of this process.
   *
   * @param soft what holds, {@link #UNLIMITED} for none
   * @param hard what it may be raised to without being root
   */
  public record Limit(long soft, long hard) {
    /** Whether so much is within what holds. */
    public boolean allows(long amount) {
      return soft == UNLIMITED || amount <= soft;
    }
  }

  /** Asks for a limit. */
  public static Limit limit(ResourceLimit limit) {
    return ask(() -> {
      Resource.Rlimit value = new Resource.Rlimit();
      require("getrlimit " + limit, LibC.INSTANCE.getrlimit(limit.number(), value));
      return new Limit(value.rlim_cur, value.rlim_max);
    });
  }

  /**
   * The host's memory, in bytes.
   *
   * @param total what the kernel has
   * @param free what nobody uses for anything
   * @param available what programs can get without swapping: free and most of the page cache
   * @param swapFree what can be swapped out to
   */
  public record Memory(long total, long free, long available, long swapFree) {}

  /** Asks for the memory (sysinfo(2), and /proc/meminfo for what is available). */
  public static Memory memory() {
    return ask(() -> {
      LibC.Sysinfo info = new LibC.Sysinfo();
      require("sysinfo", LibC.INSTANCE.sysinfo(info));
      long unit = Integer.toUnsignedLong(info.mem_unit);
      long free = bytes(info.freeram, unit);
      return new Memory(
          bytes(info.totalram, unit), free, available(free), bytes(info.freeswap, unit));
    });
  }

  private static long available(long free) {
    try {
      for (String line : Files.readAllLines(MEMINFO)) {
        if (line.startsWith("MemAvailable:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
    } catch (IOException e) {
      // A container may hide /proc: what is free is then the least there is.
      return free;
    }
    return free;
  }

  /**
   * A file system, in bytes.
   *
   * @param total its size
   * @param available what this user can still write
   * @param filesAvailable how many more files it can hold; file systems without a limit say 0
   */
  public record Disk(long total, long available, long filesAvailable) {}

  /**
   * Asks for the file system that a file or folder lies in (statvfs(3)).
   *
   * @throws KvmException ENOENT if there is no such file
   */
  public static Disk disk(Path path) {
    return ask(() -> {
      LibC.Statvfs value = new LibC.Statvfs();
      require("statvfs " + path, LibC.INSTANCE.statvfs(path.toString(), value));
      long block = value.f_frsize.longValue();
      return new Disk(
          bytes(value.f_blocks, block), bytes(value.f_bavail, block), value.f_favail.longValue());
    });
  }

  private static long bytes(NativeLong count, long unit) {
    return count.longValue() * unit;
  }

  private static void require(String call, int result) {
    if (result != 0) {
      int errno = Native.getLastError();
      throw new KvmException(call, -1, errno == 0 ? Errno.EINVAL : errno);
    }
  }

  private static <T> T ask(Supplier<T> question) {
    try {
      return question.get();
    } catch (LinkageError e) {
      throw new NativeLibraryException(e);
    }
  }
}
