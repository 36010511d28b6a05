package dev.lockstep.ft.core;

/**
 * One life of one replica process. A process that dies and starts again has the same name and another nonce: it has lost what the earlier life held, so
 * nothing promised to that life may be claimed by this one.
 *
 * @param name the replica's configured name, unique among the replicas of its VM; not blank, no control characters
 * @param nonce random, drawn once when the process starts
 */
public record ReplicaInstance(String name, long nonce) {
  public ReplicaInstance {
    if (name.isBlank() || name.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException("a replica needs a name without control characters");
    }
  }

  @Override
  public String toString() {
    return "%s/%016x".formatted(name, nonce);
  }
}
