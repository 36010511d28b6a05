package dev.lockstep.vmm.config;

import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.host.NetworkBackend;
import dev.lockstep.vmm.net.host.PasstBackend;
import dev.lockstep.vmm.net.host.PortForward;
import dev.lockstep.vmm.net.host.TapBackend;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A network interface.
 *
 * @param address the guest's, the same on every replica
 * @param backend where its cable leads on this host
 * @param offload whether checksums and the segmentation of TCP may be left to the host, and to the guest; not with passt. The same on every replica
 */
public record NetworkConfig(MacAddress address, Backend backend, boolean offload) {

  /** Where an interface's cable leads. */
  public sealed interface Backend {}

  /** Nowhere: the guest has an interface, and nothing comes or goes. */
  public record Unplugged() implements Backend {}

  /**
   * To a tap device of this host.
   *
   * @param device the interface's name
   */
  public record Tap(String device) implements Backend {}

  /**
   * To passt.
   *
   * @param socket of one that runs; null to start one
   * @param forwards ports of this host that lead into the guest; for one that is started
   */
  public record Passt(@Nullable Path socket, List<PortForward> forwards) implements Backend {
    public Passt {
      forwards = List.copyOf(forwards);
    }
  }

  /**
   * What opens the way out, now and again after it was lost; it throws a {@link dev.lockstep.engine.VmmException} if this host does not have it.
   *
   * @param notes told what there is to say of it, for people
   * @throws IllegalStateException if it leads nowhere
   */
  public Supplier<NetworkBackend> opener(Consumer<String> notes) {
    return switch (backend) {
      case Tap tap -> TapBackend.opener(tap.device(), offload, notes);
      case Passt passt -> {
        Path socket = passt.socket();
        yield socket == null
            ? () -> PasstBackend.start(passt.forwards())
            : () -> PasstBackend.connect(socket);
      }
      case Unplugged it -> throw new IllegalStateException("no cable");
    };
  }
}
