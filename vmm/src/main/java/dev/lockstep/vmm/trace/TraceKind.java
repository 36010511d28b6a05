package dev.lockstep.vmm.trace;

import java.util.Locale;

/** What a trace can have. The order is part of the format. */
public enum TraceKind {
  /** Every instruction: where, and its bytes. */
  INSTRUCTIONS,
  /** Every control transfer: from, to, taken or not. */
  BRANCHES,
  /** Every load and store: linear and physical address, size, value. */
  MEMORY,
  /** System calls with number and arguments, and their returns. */
  CALLS,
  /** Exceptions and interrupts as they are delivered. */
  INTERRUPTS,
  /** Accesses to ports. */
  PORTS,
  /** Changes of CR3. */
  CONTEXT,
  /** Entries of the event log, as they take effect. */
  ENTRIES;

  /** As users write it. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether the order of executed code is needed for it. */
  boolean needsFlow() {
    return this == INSTRUCTIONS || this == BRANCHES || this == MEMORY;
  }
}
