package dev.lockstep.ft.replica;

/** Whoever wants to know how a replica is doing. Must not block. */
public interface ReplicaListener {
  /** Role, phase, epoch or reason changed. Called in a turn of the replica. */
  void changed(ReplicaStatus status);

  /** Something that an operator should read, in one sentence. Called on any thread. */
  void note(String sentence);
}
