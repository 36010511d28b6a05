package dev.lockstep.cli.control;

import dev.lockstep.cli.dashboard.Dashboard;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.ControlServer;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.control.MetricsServer;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.OutputConsumer;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The servers of a control port, and what they are told of the VM of a command. */
public final class ControlPort implements AutoCloseable {
  private final @Nullable ControlServer server;
  private final @Nullable MetricsServer metrics;

  private ControlPort(@Nullable ControlServer server, @Nullable MetricsServer metrics) {
    this.server = server;
    this.metrics = metrics;
  }

  /**
   * Serves VMs.
   *
   * @param addresses of the control port; may be none
   * @param metrics where Prometheus asks; null for nowhere
   * @param notes is told where, one sentence each
   * @throws VmmException if an address cannot be used
   */
  public static ControlPort serve(
      ControlledVms vms,
      List<ControlAddress> addresses,
      @Nullable InetSocketAddress metrics,
      Consumer<String> notes) {
    ControlServer server = addresses.isEmpty() ? null : ControlServer.start(vms, addresses);
    MetricsServer metricsServer = null;
    try {
      metricsServer = metrics == null ? null : MetricsServer.start(vms, metrics);
    } finally {
      if (metrics != null && metricsServer == null && server != null) {
        server.close();
      }
    }
    for (ControlAddress address : addresses) {
      if (address instanceof ControlAddress.Socket it) {
        notes.accept("the control port is socket " + it.path());
      }
    }
    if (server != null) {
      for (InetSocketAddress tcp : server.tcpAddresses()) {
        notes.accept(
            "the control port is %s:%d, by mutual TLS"
                .formatted(tcp.getAddress().getHostAddress(), tcp.getPort()));
      }
    }
    if (metrics != null && metricsServer != null) {
      notes.accept(
          "metrics are at http://%s:%d/metrics"
              .formatted(metrics.getAddress().getHostAddress(), metricsServer.port()));
    }
    return new ControlPort(server, metricsServer);
  }

  @Override
  public void close() {
    if (metrics != null) {
      metrics.close();
    }
    if (server != null) {
      server.close();
    }
  }

  /** The control port of a command that runs one VM. */
  public static final class OfOne implements AutoCloseable {
    private final MachineConfig config;
    private final SnapshotStore snapshots;
    private final SoleVms vms = new SoleVms();
    private final ControlPort port;
    private @Nullable Dashboard dashboard;

    /** As {@link ControlPort#serve}, for a VM that is to come. */
    public OfOne(
        MachineConfig config,
        SnapshotStore snapshots,
        List<ControlAddress> addresses,
        @Nullable InetSocketAddress metrics,
        Consumer<String> notes) {
      this.config = config;
      this.snapshots = snapshots;
      port = serve(vms, addresses, metrics, notes);
    }

    /**
     * Serves the dashboard as well. At most once.
     *
     * @return what a user opens
     * @throws VmmException if the address cannot be used
     */
    public String serveDashboard(InetSocketAddress address) {
      Dashboard served = Dashboard.start(vms, address);
      dashboard = served;
      return served.url();
    }

    /**
     * The VM is a machine that is about to start.
     *
     * @param console shows what it puts out
     * @return what it is to put out to
     */
    public OutputConsumer machine(Machine machine, OutputConsumer console) {
      MachineRun run = new MachineRun(machine, config, null);
      attach(run);
      return new HistorySink(run.console(), console);
    }

    /** The VM is a replica that has begun. */
    public void replica(Replica replica, ConsoleHistory console, Arbiter arbiter) {
      attach(new ReplicaRun(config, replica, console, arbiter, null));
    }

    private void attach(VmRun run) {
      vms.set(new SoleVm(config, run, snapshots, vms::changed));
      run.ended().thenRun(vms::changed);
    }

    /** Tells watchers of events what a replica tells. */
    public ReplicaListener telling(ReplicaListener next) {
      return new ReplicaListener() {
        @Override
        public void changed(ReplicaStatus status) {
          next.changed(status);
          vms.changed();
        }

        @Override
        public void note(String sentence) {
          next.note(sentence);
          vms.events().note(config.name(), sentence);
        }
      };
    }

    @Override
    public void close() {
      if (dashboard != null) {
        dashboard.close();
      }
      port.close();
    }
  }
}
