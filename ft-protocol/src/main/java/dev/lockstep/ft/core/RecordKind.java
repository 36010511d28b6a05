package dev.lockstep.ft.core;

/** What a log record means to replication. What it means to the machine is in its payload. */
public enum RecordKind {
  /** Anything the guest's future depends on, and notes such as digests: it must be replayed at its point. */
  INPUT,
  /** Names an output that the primary's machine has produced and the gate holds. */
  OUTPUT,
  /** The guest ended (power-off, reset, triple fault) at this point. Nothing follows it. */
  END
}
