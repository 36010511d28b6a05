package dev.lockstep.cli.net;

import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.NetworkConfig;
import dev.lockstep.vmm.machine.DeviceIndexes;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.net.Offloads;
import dev.lockstep.vmm.net.host.NetworkPort;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The guest's network on this host: nothing for a machine without one, or one whose cable is unplugged. */
public final class GuestNetwork implements AutoCloseable {
  private final int stream;
  private final boolean endsWithHost;
  private final @Nullable NetworkPort port;

  /**
   * Opens what the configuration says.
   *
   * @param config of the machine
   * @param inject gives the machine an input; false if it has to wait
   * @param offloads what the guest does with frames in place of this host
   * @param notes told when the network goes and comes
   * @throws dev.lockstep.engine.VmmException if this host does not have it
   */
  private GuestNetwork(
      MachineConfig config,
      Predicate<MachineInput> inject,
      Supplier<Offloads> offloads,
      Consumer<String> notes) {
    stream = DeviceIndexes.network(config.drives().size());
    NetworkConfig network = config.network();
    endsWithHost = network != null && network.backend() instanceof NetworkConfig.Passt;
    port =
        network == null || network.backend() instanceof NetworkConfig.Unplugged
            ? null
            : new NetworkPort(
                network.opener(notes),
                network.address(),
                packed -> inject.test(new MachineInput.NetworkFrames(packed)),
                offloads,
                notes);
  }

  /**
   * The network of a machine without a replica.
   *
   * @throws dev.lockstep.engine.VmmException if this host does not have it
   */
  public static GuestNetwork ofMachine(
      MachineConfig config, Machine machine, Consumer<String> notes) {
    return new GuestNetwork(
        config, input -> injected(machine, input), machine::networkOffloads, notes);
  }

  private static boolean injected(Machine machine, MachineInput input) {
    try {
      return machine.ended().isDone() || machine.inject(input);
    } catch (IllegalStateException e) {
      return true; // it is not live any more, and takes nothing
    }
  }

  /**
   * The network of a replica that is about to be made. A guest that is not live here takes no frames: they are lost, as on a cable that leads nowhere.
   *
   * @param replica answers null until it is there
   * @throws dev.lockstep.engine.VmmException if this host does not have it
   */
  public static GuestNetwork ofReplica(
      MachineConfig config, Supplier<@Nullable Replica> replica, Consumer<String> notes) {
    return new GuestNetwork(
        config,
        input -> {
          Replica now = replica.get();
          return now == null || !now.status().guestRunsHere() || now.inject(input);
        },
        () -> {
          Replica now = replica.get();
          return now == null ? Offloads.NONE : now.networkOffloads();
        },
        notes);
  }

  /** An outside that has this network, and another for everything else. */
  public OutputConsumer beside(OutputConsumer other) {
    return port == null
        ? other
        : (from, offset, bytes) -> {
          if (from == stream) {
            port.send(bytes);
          } else {
            other.accept(from, offset, bytes);
          }
        };
  }

  /** The guest runs here from now on. */
  public void goLive() {
    if (port != null) {
      port.goLive();
    }
  }

  /** A listener that lets the network go live with the replica, and tells another. */
  public ReplicaListener following(ReplicaListener other) {
    if (endsWithHost) {
      other.note(
          "the guest's network is passt: connections end in sockets of this host, and with it");
    }
    return port == null ? other : new Following(port, other);
  }

  @Override
  public void close() {
    if (port != null) {
      port.close();
    }
  }

  private record Following(NetworkPort port, ReplicaListener other) implements ReplicaListener {
    @Override
    public void changed(ReplicaStatus status) {
      if (status.guestRunsHere()) {
        port.goLive();
      } else {
        port.leave();
      }
      other.changed(status);
    }

    @Override
    public void note(String sentence) {
      other.note(sentence);
    }
  }
}
