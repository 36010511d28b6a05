package dev.lockstep.ft.core;

/**
 * One run of one VM, from power-on to its end, through however many failovers.
 *
 * @param name the VM's configured name; not blank
 * @param incarnation random, drawn by the first primary at power-on
 */
public record VmId(String name, long incarnation) {
  public VmId {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a VM needs a name");
    }
  }

  @Override
  public String toString() {
    return "%s/%016x".formatted(name, incarnation);
  }
}
