package dev.lockstep.ft.net;

import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import org.jspecify.annotations.Nullable;

/** How a listening replica answers those who dial it. Called on I/O threads; must not block. */
public interface Admission {
  /** Who this replica is. */
  PeerIdentity self();

  /** Why this replica takes no backup at present; null if it does. */
  @Nullable Refusal closed();

  /** Why this replica follows no invitation at present; null if it does. */
  @Nullable Refusal uninvitable();

  /** What the peer must be able to read in the arbiter; null if the arbiter needs no such proof. */
  @Nullable ArbiterProof proof();
}
