package dev.lockstep.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.TreeSet;

/** The CPUs that the calling thread may run on (sched_setaffinity(2)). On hybrid CPUs a counter exists on one kind of core only. */
public final class ThreadAffinity {
  private static final MemorySegment SET = Libc.find("sched_setaffinity");
  private static final MemorySegment GET = Libc.find("sched_getaffinity");

  /** Bytes of a set of 8,192 CPUs, the most that Linux knows on x86 (CONFIG_NR_CPUS). */
  private static final int SET_BYTES = 1024;

  private static final int CALLING_THREAD = 0;

  private ThreadAffinity() {}

  /**
   * Keeps the calling thread on those CPUs.
   *
   * @param cpus 0 to 8,191, at least one
   * @throws KvmException EINVAL if this process may run on none of them
   */
  public static void keepOn(Set<Integer> cpus) {
    if (cpus.isEmpty()) {
      throw new IllegalArgumentException("no CPU is named");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(SET_BYTES, 8);
      for (int cpu : cpus) {
        long at = cpu >> 3;
        byte bits = set.get(ValueLayout.JAVA_BYTE, at);
        set.set(ValueLayout.JAVA_BYTE, at, (byte) (bits | 1 << (cpu & 7)));
      }
      check("sched_setaffinity", Libc.call(SET, CALLING_THREAD, SET_BYTES, Libc.address(set)));
    }
  }

  /** The CPUs that the calling thread may run on. */
  public static Set<Integer> current() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment set = arena.allocate(SET_BYTES, 8);
      check("sched_getaffinity", Libc.call(GET, CALLING_THREAD, SET_BYTES, Libc.address(set)));
      Set<Integer> cpus = new TreeSet<>();
      for (int cpu = 0; cpu < 8 * SET_BYTES; cpu++) {
        if ((set.get(ValueLayout.JAVA_BYTE, cpu >> 3) & 1 << (cpu & 7)) != 0) {
          cpus.add(cpu);
        }
      }
      return cpus;
    }
  }

  private static void check(String name, int result) {
    if (result < 0) {
      throw new KvmException(
          name,
          -1,
          -result,
          "Let this process run on the CPUs that have the counter (taskset, cpuset).");
    }
  }
}
