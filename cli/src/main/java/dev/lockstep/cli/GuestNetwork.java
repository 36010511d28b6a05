package dev.lockstep.cli;

import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.NetworkConfig;
import dev.lockstep.vmm.machine.DeviceIndexes;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.net.host.NetworkPort;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The guest's network on this host: nothing for a machine without one, or one whose cable is unplugged. */
final class GuestNetwork implements AutoCloseable {
  private final int stream;
  private final @Nullable NetworkPort port;

  /**
   * Opens what the configuration says.
   *
   * @param inject gives the machine an input; false if it has to wait
   * @param notes told when the network goes and comes
   * @throws dev.lockstep.engine.VmmException if this host does not have it
   */
  GuestNetwork(MachineConfig config, Predicate<MachineInput> inject, Consumer<String> notes) {
    stream = DeviceIndexes.network(config.drives().size());
    NetworkConfig network = config.network();
    port =
        network == null || network.backend() instanceof NetworkConfig.Unplugged
            ? null
            : new NetworkPort(
                network::open,
                network.address(),
                packed -> inject.test(new MachineInput.NetworkFrames(packed)),
                notes);
  }

  /** Sends what has left the machine, if it is of the network's stream. */
  void accept(int fromStream, byte[] bytes) {
    if (port != null && fromStream == stream) {
      port.send(bytes);
    }
  }

  /** An outside that has this network, and another for everything else. */
  OutputConsumer beside(OutputConsumer other) {
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
  void goLive() {
    if (port != null) {
      port.goLive();
    }
  }

  /** A listener that lets the network go live with the replica, and tells another. */
  ReplicaListener following(ReplicaListener other) {
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
