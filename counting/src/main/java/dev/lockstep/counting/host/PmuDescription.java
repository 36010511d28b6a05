package dev.lockstep.counting.host;

import java.util.Set;
import java.util.TreeSet;

/**
 * A PMU of the CPU, as /sys/bus/event_source/devices describes it.
 *
 * @param name {@code cpu}, or on hybrid CPUs {@code cpu_core} and {@code cpu_atom}
 * @param type its number for perf_event_open
 * @param cpus the CPUs that have it; empty for all
 */
public record PmuDescription(String name, int type, Set<Integer> cpus) {
  /** The largest CPU number that Linux knows (CONFIG_NR_CPUS). */
  private static final int MAX_CPU = 8192;

  /** Copies. */
  public PmuDescription {
    cpus = Set.copyOf(cpus);
  }

  /**
   * The CPUs of a list like {@code 0-7,16,18}.
   *
   * @throws IllegalArgumentException if it is none
   */
  static Set<Integer> cpuList(String list) {
    Set<Integer> cpus = new TreeSet<>();
    for (String part : list.strip().split(",")) {
      if (part.isBlank()) {
        continue;
      }
      String[] ends = part.strip().split("-", 2);
      int first = Integer.parseInt(ends[0]);
      int last = ends.length == 2 ? Integer.parseInt(ends[1]) : first;
      if (first < 0 || last < first || last >= MAX_CPU) {
        throw new IllegalArgumentException("'" + list + "' is no list of CPUs");
      }
      for (int cpu = first; cpu <= last; cpu++) {
        cpus.add(cpu);
      }
    }
    return cpus;
  }
}
