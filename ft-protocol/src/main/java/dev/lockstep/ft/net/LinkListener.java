package dev.lockstep.ft.net;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;

/** What a replica hears of its links. Called on I/O threads; must not block. */
public interface LinkListener {
  /**
   * Both connections to the peer are up, and each side has accepted the other.
   *
   * @param thread where this link's messages come; what is sent there wakes no other thread
   */
  void linkUp(PeerIdentity peer, Executor thread);

  /**
   * A message from the peer.
   *
   * @return false if there is no room for it: the link is closed then
   */
  boolean received(ReplicaInstance from, Message message);

  /** A link that was up broke. */
  void linkLost(ReplicaInstance peer, String why);

  /** A dial found the peer's host, and nobody listening there. */
  void linkRefused(String why);

  /** A primary wants this replica as its backup. */
  void invited(PeerIdentity primary, InetSocketAddress address);

  /** Somebody dialled who was refused, or did not say who it is. */
  void shutOut(String sentence);

  /** The peer, or this side, refused the other. */
  void peerRefused(Refusal refusal);
}
