package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.OperatorOrder;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A replica in one role: feeds its core and carries out what the core wants. Everything here happens in a turn of the replica: one at a time. */
interface Driver {
  void begin(long now);

  /** An input of this role's core; one that was meant for the role before is ignored. */
  void input(long now, Object input);

  void message(long now, ReplicaInstance from, Message message);

  void linkUp(long now, PeerIdentity peer);

  void linkLost(long now, ReplicaInstance peer);

  void linkRefused(long now);

  void peerRefused(long now, Refusal refusal);

  /** The queue of inputs is drained, or time has passed. */
  void tick(long now);

  long nextTickNanos();

  /** A machine came to its end: of the two last, one is null. */
  void machineEnded(
      long now, Machine machine, @Nullable MachineEnd end, @Nullable Throwable failure);

  /** A user wants it to end in order. */
  void stop(long now);

  /** An operator orders something; {@code done} is completed in a turn. */
  void order(long now, OperatorOrder order, CompletableFuture<Void> done);

  ReplicaStatus status(long now);

  /** The machine at present, for its console and its status; null if there is none. */
  @Nullable Machine machine();

  /** Who it is at present. */
  ReplicaInstance instance();

  /** Gives up everything at once. */
  void close();
}
