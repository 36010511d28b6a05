package dev.lockstep.ft.arbiter;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;

/**
 * A store in which a name is written once: create-if-absent, without a lease, and never changed afterwards. Calls may block; the caller has a thread for them. Safe for use by several threads.
 */
public interface Arbiter {
  /**
   * Creates the name with {@code claimant} as its value if it is absent, and reads it.
   *
   * <p>A call that failed may have created the name all the same: it is called again until it answers.
   *
   * @return whose name it is: {@code claimant}, or who was first
   * @throws ArbiterUnavailableException if the store cannot be reached, or its content cannot be read; nothing is known then
   */
  ReplicaInstance claim(DecisionName name, ReplicaInstance claimant)
      throws ArbiterUnavailableException;

  /**
   * Writes a nonce for the other side to read: at join the two prove to each other that they mean the same store.
   *
   * @param key unique to this join
   */
  void publish(String key, long nonce) throws ArbiterUnavailableException;

  /**
   * Whether the other side's nonce is there to be read, and is that one.
   *
   * @param key as in {@link #publish}
   */
  boolean shows(String key, long nonce) throws ArbiterUnavailableException;

  /** What and where it is, for messages. */
  String describe();
}
