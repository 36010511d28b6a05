package dev.lockstep.vmm.machine;

import dev.lockstep.counting.anchor.AnchoredVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.VirtualTime;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.time.VirtualClock;
import dev.lockstep.vmm.tsc.ExactTsc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
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
      return new PcMachine(
          new MachineCore(spec, parts), parts, PcMachine.Origin.LOADED, new WrittenBlocks());
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
    return SnapshotFile.read(
        snapshot,
        (reader, image) ->
            restore(
                spec,
                disks,
                reader,
                exactTsc,
                image == null ? null : memory -> image.become(memory, snapshot)));
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
    return restore(spec, disks, checkpoint, exactTsc, null);
  }

  /** Fills a memory that is all zeros, and has looked whether it is what was saved. */
  @FunctionalInterface
  private interface MemorySource {
    void fill(GuestMemory memory) throws IOException;
  }

  private Machine restore(
      MachineSpec spec,
      List<MachineDisk> disks,
      CheckpointReader checkpoint,
      @Nullable ExactTsc exactTsc,
      @Nullable MemorySource source)
      throws IOException {
    MachineParts parts = assemble(spec, disks, exactTsc);
    try {
      MachineCore core = new MachineCore(spec, parts);
      checkpoint.header().requireSameConfiguration(core.headerWithoutContent(0));
      CheckpointRestorer restorer;
      if (source == null) {
        restorer = CheckpointRestorer.into(core);
      } else {
        source.fill(parts.memory());
        restorer = CheckpointRestorer.intoFilled(core);
      }
      while (checkpoint.next(restorer)) {
        // to the end
      }
      return new PcMachine(core, parts, PcMachine.Origin.RESTORED, restorer.written());
    } catch (Throwable e) {
      parts.close();
      throw e;
    }
  }

  /** Without a counter, the engine is asked for what it counts otherwise: it serves as a measure of work. */
  private Vcpu vcpu(MachineSpec spec, GuestMemory memory, VirtualClock clock) {
    if (spec.semantics() != BranchSemantics.ANCHORS) {
      return engine.create(spec.model(), spec.semantics(), memory, clock);
    }
    if (spec.model().hasTsc()) {
      throw new VmmException(
          "CPU model %s has a time-stamp counter, whose reads are no exits that a moment could be named by"
              .formatted(spec.model().name()),
          "Without a branch counter use CPU model lockstep-v1.");
    }
    return new AnchoredVcpu(
        engine.create(spec.model(), BranchSemantics.ALL_TRANSFERS, memory, clock));
  }

  @SuppressWarnings("MustBeClosedChecker") // MachineParts.close closes it
  private MachineParts assemble(
      MachineSpec spec, List<MachineDisk> machineDisks, @Nullable ExactTsc exactTsc) {
    List<AutoCloseable> made = new ArrayList<>();
    machineDisks.forEach(disk -> made.add(disk.store()));
    try {
      Arena arena = Arena.ofShared();
      made.add(arena::close);
      GuestMemory memory = HostMemory.map(arena, spec.memoryBytes());
      VirtualClock clock = new VirtualClock();
      Vcpu vcpu = vcpu(spec, memory, clock);
      made.add(vcpu);
      VirtualTime time = () -> clock.nanosAt(vcpu.branchCount());
      OutputCollector outputs = outputs(spec, machineDisks.size());
      DiskSet disks = new DiskSet(spec.name(), memory, machineDisks);
      made.add(disks);
      Board board =
          new Board(
              time,
              outputs,
              memory,
              disks,
              spec.wallClockNanos(),
              spec.network(),
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
      closeAfter(e, made.reversed());
      throw e;
    }
  }

  private static OutputCollector outputs(MachineSpec spec, int disks) {
    boolean network = spec.network() != null;
    return new OutputCollector(
        DeviceIndexes.count(disks, network), network ? DeviceIndexes.network(disks) : -1);
  }

  private static void closeAfter(Throwable failure, List<AutoCloseable> made) {
    for (AutoCloseable one : made) {
      try {
        one.close();
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }
}
