package dev.lockstep.kvm;

/** Names of Linux error numbers (asm-generic/errno-base.h and errno.h) that the calls of this module return. */
public final class Errno {
  /** Operation not permitted. */
  public static final int EPERM = 1;

  /** No such file or directory. */
  public static final int ENOENT = 2;

  /** No such process. */
  public static final int ESRCH = 3;

  /** Interrupted by a signal. */
  public static final int EINTR = 4;

  /** Input or output failed; of a tap device, its interface is down. */
  public static final int EIO = 5;

  /** No such device or address. */
  public static final int ENXIO = 6;

  /** Argument list too long: for KVM, the table handed in is too small or too large. */
  public static final int E2BIG = 7;

  /** Bad file descriptor. */
  public static final int EBADF = 9;

  /** Try again. */
  public static final int EAGAIN = 11;

  /** Out of memory. */
  public static final int ENOMEM = 12;

  /** Permission denied. */
  public static final int EACCES = 13;

  /** Bad address. */
  public static final int EFAULT = 14;

  /** Device or resource busy. */
  public static final int EBUSY = 16;

  /** File exists: for KVM, a slot overlaps another, a vCPU's number is taken. */
  public static final int EEXIST = 17;

  /** No such device. */
  public static final int ENODEV = 19;

  /** Invalid argument. */
  public static final int EINVAL = 22;

  /** Too many open files of the whole system. */
  public static final int ENFILE = 23;

  /** Too many open files of the process. */
  public static final int EMFILE = 24;

  /** Not a typewriter: the file knows no such ioctl. */
  public static final int ENOTTY = 25;

  /** No space left on device. */
  public static final int ENOSPC = 28;

  /** Function not implemented. */
  public static final int ENOSYS = 38;

  /** Bad message: the kernel's answer is none that is understood. */
  public static final int EBADMSG = 74;

  /** Operation not supported. */
  public static final int EOPNOTSUPP = 95;

  private Errno() {}

  /** The symbol and what it means, as {@code EBUSY (device or resource busy)}; other numbers as {@code errno 71}. */
  public static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM (not permitted)";
      case ENOENT -> "ENOENT (no such file)";
      case ESRCH -> "ESRCH (no such process)";
      case EINTR -> "EINTR (interrupted)";
      case EIO -> "EIO (input or output failed)";
      case ENXIO -> "ENXIO (no such device or address)";
      case E2BIG -> "E2BIG (table of the wrong size)";
      case EBADF -> "EBADF (bad file descriptor)";
      case EAGAIN -> "EAGAIN (try again)";
      case ENOMEM -> "ENOMEM (out of memory)";
      case EACCES -> "EACCES (permission denied)";
      case EFAULT -> "EFAULT (bad address)";
      case EBUSY -> "EBUSY (busy)";
      case EEXIST -> "EEXIST (exists already)";
      case ENODEV -> "ENODEV (no such device)";
      case EINVAL -> "EINVAL (invalid argument)";
      case ENFILE -> "ENFILE (too many open files on the host)";
      case EMFILE -> "EMFILE (too many open files in the process)";
      case ENOTTY -> "ENOTTY (no such ioctl)";
      case ENOSPC -> "ENOSPC (no space left)";
      case ENOSYS -> "ENOSYS (not implemented)";
      case EBADMSG -> "EBADMSG (an answer that is not understood)";
      case EOPNOTSUPP -> "EOPNOTSUPP (not supported)";
      default -> "errno " + errno;
    };
  }
}
