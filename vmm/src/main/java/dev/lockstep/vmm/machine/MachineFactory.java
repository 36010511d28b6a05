package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.device.VirtualTime;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.time.VirtualClock;
import dev.lockstep.vmm.tsc.ExactTsc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes machines. */
public final class MachineFactory {
  private final String engineName;
  private final VcpuFactory engine;

  /**
   * @param engineName what logs and messages call the engine: {@code soft}, {@code kvm}
   * @param engine makes the vCPUs
   */
  public MachineFactory(String engineName, VcpuFactory engine) {
    this.engineName = engineName;
    this.engine = engine;
  }

  /**
   * Makes a machine with a guest in it, not started.
   *
   * @param disks become the machine's, even if it cannot be made
   * @throws dev.lockstep.engine.VmmException if memory is short or the guest cannot be loaded
   */
  public Machine create(MachineSpec spec, List<MachineDisk> disks, GuestLoader loader) {
    return create(spec, disks, loader, null);
  }

  /**
   * As {@link #create(MachineSpec, List, GuestLoader)}, with a guest whose reads of the time-stamp counter are patched.
   *
   * @param exactTsc new; what the loader's patch calls; null for a guest that is not patched
   */
  public Machine create(
      MachineSpec spec, List<MachineDisk> disks, GuestLoader loader, @Nullable ExactTsc exactTsc) {
    MachineParts parts = assemble(spec, disks, exactTsc);
    try {
      CpuState state = new CpuState();
      loader.load(parts.memory(), state);
      if (exactTsc != null) {
        exactTsc.begin(state);
      }
      parts.vcpu().setState(state);
      return new PcMachine(new MachineCore(spec, parts), parts, PcMachine.Origin.LOADED);
    } catch (Throwable e) {
      parts.close();
      throw e;
    }
  }

  /**
   * Makes a machine from a snapshot file, not started.
   *
   * @param disks as they were then; become the machine's, even if it cannot be made
   * @throws dev.lockstep.engine.VmmException if the file is no snapshot, damaged, or of another machine, naming the field
   */
  public Machine restore(MachineSpec spec, List<MachineDisk> disks, Path snapshot) {
    return restore(spec, disks, snapshot, null);
  }

  /** As {@link #restore(MachineSpec, List, Path)}, of a machine with patched reads of the time-stamp counter if there is a new {@code exactTsc}. */
  public Machine restore(
      MachineSpec spec, List<MachineDisk> disks, Path snapshot, @Nullable ExactTsc exactTsc) {
    return SnapshotFile.read(snapshot, reader -> restore(spec, disks, reader, exactTsc));
  }

  /** As {@link #restore(MachineSpec, List, CheckpointReader, ExactTsc)}, of a machine that is not patched. */
  public Machine restore(MachineSpec spec, List<MachineDisk> disks, CheckpointReader checkpoint)
      throws IOException {
    return restore(spec, disks, checkpoint, null);
  }

  /**
   * Makes a machine from a checkpoint, not started.
   *
   * @param disks as they were then; become the machine's, even if it cannot be made
   * @param exactTsc new, in a machine with patched reads of the time-stamp counter; else null
   * @throws dev.lockstep.engine.VmmException if it is of another machine, naming the field
   * @throws IOException if the checkpoint is damaged or cannot be read
   */
  public Machine restore(
      MachineSpec spec,
      List<MachineDisk> disks,
      CheckpointReader checkpoint,
      @Nullable ExactTsc exactTsc)
      throws IOException {
    MachineParts parts = assemble(spec, disks, exactTsc);
    try {
      MachineCore core = new MachineCore(spec, parts);
      checkpoint.header().requireSameConfiguration(core.headerWithoutContent(0));
      CheckpointRestorer restorer = new CheckpointRestorer(core);
      while (checkpoint.next(restorer)) {
        // to the end
      }
      return new PcMachine(core, parts, PcMachine.Origin.RESTORED);
    } catch (Throwable e) {
      parts.close();
      throw e;
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // MachineParts.close closes it
  private MachineParts assemble(
      MachineSpec spec, List<MachineDisk> machineDisks, @Nullable ExactTsc exactTsc) {
    Arena arena = Arena.ofShared();
    try {
      GuestMemory memory = HostMemory.map(arena, spec.memoryBytes());
      VirtualClock clock = new VirtualClock();
      Vcpu vcpu = engine.create(spec.model(), spec.semantics(), memory, clock);
      VirtualTime time = () -> clock.nanosAt(vcpu.branchCount());
      OutputCollector outputs = new OutputCollector(Board.STREAMS);
      DiskSet disks = new DiskSet(spec.name(), memory, machineDisks);
      Board board =
          new Board(
              time,
              outputs,
              memory,
              disks,
              spec.wallClockNanos(),
              exactTsc == null ? List.of() : List.of(exactTsc));
      return new MachineParts(
          engineName,
          arena,
          memory,
          new PageTracker(memory, vcpu::collectDirty),
          vcpu,
          clock,
          board,
          exactTsc,
          outputs);
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }
}
