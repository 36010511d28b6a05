package dev.lockstep.kvm.preflight;

import com.sun.jna.platform.unix.Resource;

/** Limits of a process that matter to a machine (getrlimit(2)). */
public enum ResourceLimit {
  /** Open files: each machine, vCPU and counter is one, a network connection too. */
  OPEN_FILES(Resource.RLIMIT_NOFILE, "ulimit -n"),

  /** Bytes that may be locked in memory: rings of counters, pinned guest memory. */
  LOCKED_MEMORY(Resource.RLIMIT_MEMLOCK, "ulimit -l"),

  /** Bytes of address space: guest memory is mapped whole. */
  ADDRESS_SPACE(Resource.RLIMIT_AS, "ulimit -v"),

  /** Signals that may wait, of all this user's processes. */
  PENDING_SIGNALS(Resource.RLIMIT_SIGPENDING, "ulimit -i"),

  /** Threads and processes of this user. */
  PROCESSES(Resource.RLIMIT_NPROC, "ulimit -u");

  private final int number;
  private final String command;

  ResourceLimit(int number, String command) {
    this.number = number;
    this.command = command;
  }

  int number() {
    return number;
  }

  /** The shell's command that shows and raises it. */
  public String command() {
    return command;
  }
}
