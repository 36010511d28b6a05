package dev.lockstep.cli.control;

import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlLimits;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.control.EventRing;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.Purpose;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The VMs of a daemon. Their definitions are kept in a folder, so that the next daemon there knows them; what runs ends with its daemon. */
public final class HostedVms implements ControlledVms, AutoCloseable {
  private static final int MAX_VMS = 256;

  private final Path folder;
  private final SnapshotStore snapshots;
  private final String programVersion;
  private final PairMeans means;
  private final EventRing events = new EventRing(ControlLimits.KEPT_EVENTS);
  private final TreeMap<String, HostedVm> vms = new TreeMap<>();
  private boolean closed;

  /**
   * The VMs whose definitions are in a folder.
   *
   * @param folder is made if it is not there
   * @param programVersion for messages to people
   * @throws dev.lockstep.engine.VmmException if the folder cannot be used
   */
  public HostedVms(Path folder, SnapshotStore snapshots, String programVersion) {
    this(folder, snapshots, programVersion, PairMeans.PLAIN);
  }

  /** As {@link #HostedVms(Path, SnapshotStore, String)}, on a host whose replicas have something in common. */
  public HostedVms(Path folder, SnapshotStore snapshots, String programVersion, PairMeans means) {
    this.means = means;
    this.folder = folder.toAbsolutePath().normalize();
    this.snapshots = snapshots;
    this.programVersion = programVersion;
    for (VmFolder known : VmFolder.below(this.folder)) {
      vms.put(known.name(), vm(known.name(), Definition.kept(known.definition()), known));
    }
  }

  private HostedVm vm(String name, Definition definition, VmFolder kept) {
    return new HostedVm(name, definition, kept, snapshots, programVersion, means, events);
  }

  @Override
  public synchronized List<ControlledVm> list() {
    return List.copyOf(vms.values());
  }

  @Override
  public synchronized ControlledVm find(String name) {
    HostedVm vm = vms.get(name);
    if (vm == null) {
      throw Wrong.unknown(name);
    }
    return vm;
  }

  @Override
  public ControlledVm create(String configJson, @Nullable Path baseFolder) {
    Definition definition = Definition.checked(configJson, baseFolder);
    HostedVm vm =
        add(
            definition.config(Purpose.FREE_RUNNING).name(),
            definition,
            kept -> kept.define(definition.text()));
    events.changed(vm.status());
    return vm;
  }

  @Override
  public ControlledVm createFrom(Path snapshot, StartOptions how) {
    MachineConfig kept = snapshots.config(snapshot, HostedVm.purpose(how));
    // Its definition is kept when its disks are its own.
    HostedVm vm = add(kept.name(), Definition.of(kept), VmFolder::make);
    boolean restored = false;
    try {
      vm.restore(snapshot, how);
      restored = true;
    } finally {
      if (!restored) {
        delete(kept.name());
      }
    }
    return vm;
  }

  private synchronized HostedVm add(String name, Definition definition, Consumer<VmFolder> keep) {
    if (closed) {
      throw Wrong.busy(name, "since the daemon is ending");
    }
    if (vms.containsKey(name)) {
      throw new ControlException(
          ControlException.Kind.EXISTS,
          "there is a VM '%s' already".formatted(name),
          "Give another machine-config.name, or delete that one.");
    }
    if (vms.size() >= MAX_VMS) {
      throw new ControlException(
          ControlException.Kind.BUSY, "there are %d VMs already".formatted(MAX_VMS), "Delete one.");
    }
    VmFolder kept = new VmFolder(folder.resolve(name));
    keep.accept(kept);
    HostedVm vm = vm(name, definition, kept);
    vms.put(name, vm);
    return vm;
  }

  @Override
  public synchronized void delete(String name) {
    HostedVm vm = vms.get(name);
    if (vm == null) {
      throw Wrong.unknown(name);
    }
    vm.forget();
    vms.remove(name);
    events.deleted(name);
  }

  @Override
  public EventRing events() {
    return events;
  }

  /** Asks every guest to shut down, and ends those that do not within a bound. */
  public void shutDown(long graceMillis) throws InterruptedException {
    List<HostedVm> all;
    synchronized (this) {
      closed = true;
      all = List.copyOf(vms.values());
    }
    List<Thread> stopping =
        all.stream()
            .map(vm ->
                Thread.ofVirtual().name("stop-" + vm.name()).start(() -> vm.shutDown(graceMillis)))
            .toList();
    for (Thread thread : stopping) {
      thread.join();
    }
  }

  /** Ends everything at once. */
  @Override
  public void close() {
    List<HostedVm> all;
    synchronized (this) {
      closed = true;
      all = List.copyOf(vms.values());
    }
    all.forEach(HostedVm::close);
  }
}
