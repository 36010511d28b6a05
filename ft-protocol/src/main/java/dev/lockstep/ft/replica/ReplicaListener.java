package dev.lockstep.ft.replica;

/** Whoever wants to know how a replica is doing. Called on the replica's thread; must not block. */
public interface ReplicaListener {
  /** Role, phase, epoch or reason changed. */
  void changed(ReplicaStatus status);

  /** Something that an operator should read, in one sentence. */
  void note(String sentence);
}
