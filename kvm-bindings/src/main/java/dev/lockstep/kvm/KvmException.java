package dev.lockstep.kvm;

/** A system call of this module failed: which one, on which file descriptor, with which error number; and what a user can do about it where there is something. */
public final class KvmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final int fd;
  private final int errno;
  private final String advice;

  /**
   * @param call the ioctl's or system call's name
   * @param fd the file descriptor it was made on, or -1 for none
   * @param errno the error number, 1 or more
   */
  public KvmException(String call, int fd, int errno) {
    this(call, fd, errno, adviceFor(errno));
  }

  /** As {@link #KvmException(String, int, int)}, where the caller knows better what to do. */
  public KvmException(String call, int fd, int errno, String advice) {
    super(call + (fd < 0 ? "" : " on file descriptor " + fd) + ": " + Errno.describe(errno));
    this.call = call;
    this.fd = fd;
    this.errno = errno;
    this.advice = advice;
  }

  /** The ioctl's or system call's name. */
  public String call() {
    return call;
  }

  /** The file descriptor, or -1. */
  public int fd() {
    return fd;
  }

  /** The error number. */
  public int errno() {
    return errno;
  }

  /** What a user can do, one sentence. */
  public String advice() {
    return advice;
  }

  private static String adviceFor(int errno) {
    return switch (errno) {
      case Errno.EACCES, Errno.EPERM ->
          "Give this user the right, for /dev/kvm by membership of the group kvm.";
      case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
          "Load the kernel module (kvm_intel or kvm_amd) and enable virtualisation in the firmware, or use --engine soft.";
      case Errno.ENOMEM -> "Give the guest less memory or the host more.";
      case Errno.EMFILE -> "Raise the limit on open files (ulimit -n).";
      case Errno.ENFILE -> "Raise the host's limit on open files (sysctl fs.file-max).";
      case Errno.ENOSPC -> "Free space, or raise the limit that the call met.";
      case Errno.EBUSY ->
          "Another hypervisor may hold the hardware: stop it, or use --engine soft.";
      default -> "Run lockstep doctor to see what this host's KVM can do, or use --engine soft.";
    };
  }
}
