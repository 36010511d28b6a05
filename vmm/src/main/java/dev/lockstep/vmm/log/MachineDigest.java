package dev.lockstep.vmm.log;

import java.util.ArrayList;
import java.util.List;

/**
 * Hashes of a machine's whole state at one moment, apart from each other so that a difference has a place.
 *
 * @param registers {@link dev.lockstep.engine.CpuState#digest}
 * @param devices over every device's encoded state and the virtual time
 * @param memory over every page of guest memory that is not all zeros, with its place
 * @param disks over each disk's content, in the order of the configuration; empty where disks were not read
 */
public record MachineDigest(long registers, long devices, long memory, List<Long> disks) {
  public MachineDigest {
    disks = List.copyOf(disks);
  }

  /** What differs from another digest, each as "name mine / theirs"; empty if nothing does. */
  public List<String> differences(MachineDigest other) {
    List<String> found = new ArrayList<>();
    compare(found, "registers", registers, other.registers);
    compare(found, "devices", devices, other.devices);
    compare(found, "memory", memory, other.memory);
    if (disks.size() != other.disks.size()) {
      found.add("number of disks %d / %d".formatted(disks.size(), other.disks.size()));
    } else {
      for (int i = 0; i < disks.size(); i++) {
        compare(found, "disk " + i, disks.get(i), other.disks.get(i));
      }
    }
    return found;
  }

  private static void compare(List<String> found, String name, long mine, long theirs) {
    if (mine != theirs) {
      found.add("%s %016x / %016x".formatted(name, mine, theirs));
    }
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(
            "registers %016x devices %016x memory %016x".formatted(registers, devices, memory));
    for (int i = 0; i < disks.size(); i++) {
      text.append(" disk%d %016x".formatted(i, disks.get(i)));
    }
    return text.toString();
  }
}
