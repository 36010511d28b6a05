package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.net.Admission;
import dev.lockstep.ft.net.ArbiterProof;
import dev.lockstep.ft.net.LinkListener;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** What the transport asks a replica and tells it, on its own threads. */
final class Links implements LinkListener, Admission {
  private final Replica replica;
  private final Host host;
  private final ArbiterProof proof;

  /**
   * @param proof what this replica has written into its arbiter, for peers to find
   */
  Links(Replica replica, Host host, ArbiterProof proof) {
    this.replica = replica;
    this.host = host;
    this.proof = proof;
  }

  @Override
  public PeerIdentity self() {
    return new PeerIdentity(
        host.settings.protocol(),
        host.settings.programVersion(),
        host.source.vmName(),
        replica.driver().instance(),
        host.source.facts());
  }

  @Override
  public @Nullable Refusal closed() {
    return replica.driver() instanceof PrimaryDriver
        ? null
        : PeerIdentity.refusal(
            Refusal.Reason.NOT_PRIMARY, host.settings.name() + " is a backup at present");
  }

  @Override
  public @Nullable Refusal uninvitable() {
    if (replica.driver() instanceof PrimaryDriver) {
      return PeerIdentity.refusal(
          Refusal.Reason.NOT_PRIMARY,
          host.settings.name() + " is a primary itself and follows nobody");
    }
    return replica.waits()
        ? null
        : PeerIdentity.refusal(
            Refusal.Reason.HAS_PRIMARY,
            host.settings.name() + " is the backup of a primary already");
  }

  @Override
  public ArbiterProof proof() {
    return proof;
  }

  @Override
  public void linkUp(PeerIdentity peer, Executor thread) {
    host.turns.takeNearLink(thread);
    inTurn(now -> {
      host.linked(peer);
      replica.driver().linkUp(now, peer);
    });
  }

  @Override
  public boolean received(ReplicaInstance from, Message message) {
    return host.inbox.offerFromPeer(
        (Replica.LoopTask) (now -> replica.driver().message(now, from, message)));
  }

  @Override
  public void linkLost(ReplicaInstance peer, String why) {
    inTurn(now -> replica.driver().linkLost(now, peer));
  }

  @Override
  public void linkRefused(String why) {
    inTurn(now -> replica.driver().linkRefused(now));
  }

  @Override
  public void invited(PeerIdentity primary, InetSocketAddress address) {
    inTurn(now -> {
      if (replica.waits()) {
        replica.dial(address);
      }
    });
  }

  @Override
  public void shutOut(String sentence) {
    host.note(sentence);
  }

  @Override
  public void peerRefused(Refusal refusal) {
    inTurn(now -> {
      if (host.settings.peer() == null && replica.waits()) {
        // Whoever invites must not be able to end a backup that waits for the right
        // primary.
        host.note("the primary that came cannot be followed: " + refusal.getDetail());
        replica.hangUp();
      } else {
        replica.driver().peerRefused(now, refusal);
      }
    });
  }

  private void inTurn(Replica.LoopTask task) {
    host.inbox.put(task);
  }
}
