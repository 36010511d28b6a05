package dev.lockstep.vmm.config;

import dev.lockstep.counting.StepCountedVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import dev.lockstep.softcpu.ExecutionTally;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.softcpu.Translation;
import dev.lockstep.vmm.boot.BootLoader;
import dev.lockstep.vmm.boot.BootOptions;
import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.disk.RewindableDisk;
import dev.lockstep.vmm.engine.Counting;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.HostCounter;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineDisk;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.NetworkSpec;
import dev.lockstep.vmm.machine.VcpuFactory;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.snapshot.MemoryImage;
import dev.lockstep.vmm.tsc.ExactTsc;
import dev.lockstep.vmm.tsc.ExactTscPatch;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Makes machines of configurations: engine, memory, disks, and the guest in it. */
public final class ConfiguredMachine {
  private static final String KERNEL_FACT = "kernel_file_sha256";
  private static final String INITRD_FACT = "initrd_file_sha256";

  /** Exits of the guest between two digest entries. */
  private static final long ANCHORS_BETWEEN_DIGESTS = 1L << 12;

  /** Conditional branches of a processor between two digest entries: about every half second of a busy guest. */
  private static final long BRANCHES_OF_HARDWARE_BETWEEN_DIGESTS = 1L << 28;

  private ConfiguredMachine() {}

  /**
   * A factory for machines of a configuration's engine.
   *
   * @param config says which
   * @throws VmmException if this host does not have it
   */
  public static MachineFactory factory(MachineConfig config) {
    return switch (config.engine()) {
      case EngineChoice.SOFT -> {
        Translation translation = config.translation();
        yield new MachineFactory(
            EngineChoice.SOFT,
            (model, semantics, memory, tsc) ->
                SoftVcpu.create(model, memory, tsc, semantics, translation));
      }
      case EngineChoice.KVM -> new MachineFactory(EngineChoice.KVM, kvm(config));
      default -> throw new IllegalStateException("engine " + config.engine());
    };
  }

  /**
   * A factory for a machine on {@code soft} that is profiled.
   *
   * @param tally counts what the machine made last executes
   */
  public static MachineFactory profiledFactory(MachineConfig config, ExecutionTally tally) {
    Translation translation = config.translation();
    return new MachineFactory(
        EngineChoice.SOFT,
        (model, semantics, memory, tsc) ->
            SoftVcpu.create(model, memory, tsc, semantics, translation, tally));
  }

  private static VcpuFactory kvm(MachineConfig config) {
    KvmEngine kvm = KvmEngine.ofThisHost();
    return switch (config.counting()) {
      case STEP ->
          (model, semantics, memory, tsc) ->
              new StepCountedVcpu(kvm.create(model, semantics, memory, tsc), memory, semantics);
      case PERF -> CountedKvmEngine.of(kvm, HostCounter.ofThisHost());
      case AUTO, ANCHORS -> kvm;
    };
  }

  /**
   * A guest that is stepped, or whose ring 0 is emulated, gets as much done between two ticks as on hardware, and so its time goes
   * slower than the host's; any other is kept near it.
   */
  private static MachineSpec.Pacing pacing(MachineConfig config) {
    return config.engine().equals(EngineChoice.KVM)
            && (config.counting() == Counting.STEP
                || !KvmEngine.ofThisHost().traits().ring0Native())
        ? MachineSpec.Pacing.FREE
        : MachineSpec.Pacing.HOST;
  }

  /**
   * What a machine of a configuration is made of; reads kernel and initrd to name them in its facts.
   *
   * @param wallClockNanos what its RTC shows at the start: UTC, nanoseconds since 1970
   * @throws VmmException if kernel or initrd cannot be read
   */
  public static MachineSpec spec(MachineConfig config, long wallClockNanos) {
    return spec(config, wallClockNanos, config.counting().semantics(), loadedFacts(config));
  }

  /**
   * What a machine of a configuration is made of that is to replay a log from its start: the log says what is counted, and what
   * the RTC shows.
   *
   * @throws VmmException if it cannot replay this log, naming the header's field; or as {@link #spec(MachineConfig, long)}
   */
  public static MachineSpec spec(MachineConfig config, LogHeader log) {
    requireReplayable(config, log);
    return spec(config, log.wallClockNanos(), log.semantics(), loadedFacts(config));
  }

  /**
   * Refuses, before anything is loaded, a configuration that cannot replay a log.
   *
   * @throws VmmException naming the header's field
   */
  public static void requireReplayable(MachineConfig config, LogHeader log) {
    log.requireModel(config.cpuModel());
    if (config.engine().equals(EngineChoice.KVM)) {
      requireCounted(config.counting(), log.semantics());
    }
  }

  private static void requireCounted(Counting counting, BranchSemantics semantics) {
    boolean can =
        switch (semantics) {
          case ANCHORS -> true;
          case CONDITIONAL -> counting == Counting.PERF || counting == Counting.STEP;
          case ALL_TRANSFERS -> counting == Counting.STEP;
        };
    if (!can) {
      throw new VmmException(
          "engine kvm cannot replay this log: its branch semantics are %s, and kvm has %s"
              .formatted(
                  semantics,
                  counting == Counting.PERF
                      ? "a counter of conditional branches alone"
                      : "no branch counter"),
          "Replay it with --engine soft, which counts by every semantics, or slowly with --counter step.");
    }
  }

  private static SortedMap<String, String> loadedFacts(MachineConfig config) {
    SortedMap<String, String> facts = new TreeMap<>(config.facts());
    facts.put(KERNEL_FACT, BootLoader.fileDigest(config.kernel(), "kernel"));
    Path initrd = config.initrd();
    if (initrd != null) {
      facts.put(INITRD_FACT, BootLoader.fileDigest(initrd, "initrd"));
    }
    return facts;
  }

  private static MachineSpec spec(
      MachineConfig config,
      long wallClockNanos,
      BranchSemantics semantics,
      SortedMap<String, String> facts) {
    NetworkConfig network = config.network();
    return new MachineSpec(
        config.name(),
        config.cpuModel(),
        semantics,
        config.memoryBytes(),
        wallClockNanos,
        pacing(config),
        switch (semantics) {
          case ANCHORS -> ANCHORS_BETWEEN_DIGESTS;
          case CONDITIONAL -> BRANCHES_OF_HARDWARE_BETWEEN_DIGESTS;
          case ALL_TRANSFERS -> MachineSpec.DIGEST_SPACING;
        },
        network == null ? null : new NetworkSpec(network.address(), network.offload()),
        facts);
  }

  /**
   * A machine with its guest loaded, not started.
   *
   * @throws VmmException if a file is missing or not what it should be, a disk is in use, or memory is short
   */
  public static Machine create(MachineConfig config, MachineSpec spec, DiskUse use) {
    return create(factory(config), config, spec, use);
  }

  /** As {@link #create(MachineConfig, MachineSpec, DiskUse)}, on an engine of the caller's. */
  public static Machine create(
      MachineFactory engine, MachineConfig config, MachineSpec spec, DiskUse use) {
    if (!config.patchesTsc()) {
      return create(engine, config, spec, use, KernelEdit.NONE, null);
    }
    ExactTsc exact = new ExactTsc();
    return create(engine, config, spec, use, new ExactTscPatch(config.cpuModel(), exact), exact);
  }

  /**
   * As {@link #create(MachineConfig, MachineSpec, DiskUse)}, with a kernel that is changed in memory before it runs.
   */
  public static Machine create(
      MachineConfig config, MachineSpec spec, DiskUse use, KernelEdit edit) {
    return create(config, spec, use, edit, null);
  }

  /**
   * As {@link #create(MachineConfig, MachineSpec, DiskUse, KernelEdit)}, for a kernel that is changed so as to call the machine.
   *
   * @param exactTsc whom the changed kernel calls; null if it is not changed so
   */
  public static Machine create(
      MachineConfig config,
      MachineSpec spec,
      DiskUse use,
      KernelEdit edit,
      @Nullable ExactTsc exactTsc) {
    return create(factory(config), config, spec, use, edit, exactTsc);
  }

  private static Machine create(
      MachineFactory engine,
      MachineConfig config,
      MachineSpec spec,
      DiskUse use,
      KernelEdit edit,
      @Nullable ExactTsc exactTsc) {
    BootOptions boot =
        new BootOptions(config.kernel(), config.initrd(), config.commandLine(), config.rngSeed());
    return engine.create(
        spec,
        openDisks(config, use),
        (memory, state) -> BootLoader.load(boot, memory, state, edit),
        exactTsc);
  }

  /**
   * A machine as a snapshot has it, not started. Kernel and initrd are in its memory: their files are not looked at.
   *
   * @param config of the machine that the snapshot is of; its disks as they were then
   * @throws VmmException if the snapshot is damaged or of another machine, or as {@link #create}
   */
  public static Machine restore(MachineConfig config, DiskUse use, Path snapshot) {
    return restore(factory(config), config, use, snapshot);
  }

  /** As {@link #restore(MachineConfig, DiskUse, Path)}, on an engine of the caller's. */
  public static Machine restore(
      MachineFactory engine, MachineConfig config, DiskUse use, Path snapshot) {
    MachineSpec spec = spec(config, snapshot);
    return engine.restore(spec, openDisks(config, use), snapshot, patched(config));
  }

  /** What the machine of a snapshot is made of; kernel, initrd and seed are those that it was loaded with. */
  private static MachineSpec spec(MachineConfig config, Path snapshot) {
    LogHeader header = header(snapshot);
    SortedMap<String, String> facts = new TreeMap<>(config.facts());
    // A machine that was a backup has its primary's seed, whatever its configuration says.
    for (String loaded : List.of(KERNEL_FACT, INITRD_FACT, MachineConfig.SEED_FACT)) {
      String digest = header.configuration().get(loaded);
      if (digest != null) {
        facts.put(loaded, digest);
      }
    }
    if (config.counting() == Counting.PERF) {
      requireCounted(Counting.PERF, header.semantics());
    }
    return spec(config, header.wallClockNanos(), header.semantics(), facts);
  }

  /**
   * What the machine of a snapshot is made of that goes on as a replica: replicas count by one semantics, that of their configuration.
   *
   * @throws VmmException if the snapshot's machine counts by another, or the file's beginning cannot be read
   */
  public static MachineSpec replicatedSpec(MachineConfig config, Path snapshot) {
    MachineSpec spec = spec(config, snapshot);
    if (spec.semantics() != config.counting().semantics()) {
      throw new VmmException(
          "the snapshot's machine counts %s, and as a replica it would count %s"
              .formatted(spec.semantics(), config.counting().semantics()),
          "Restore it without replication, or take the snapshot of a replica.");
    }
    return spec;
  }

  /**
   * A machine as another replica's checkpoint has it, not started; it goes on with the other's seed.
   *
   * @param spec what {@link #spec} says of the same configuration here
   * @throws VmmException if the checkpoint is of another machine, or as {@link #create}
   * @throws IOException if the checkpoint is damaged
   */
  public static Machine restore(
      MachineConfig config, MachineSpec spec, DiskUse use, CheckpointReader checkpoint)
      throws IOException {
    SortedMap<String, String> facts = new TreeMap<>(spec.facts());
    String seed = checkpoint.header().configuration().get(MachineConfig.SEED_FACT);
    if (seed != null) {
      facts.put(MachineConfig.SEED_FACT, seed);
    }
    return factory(config)
        .restore(
            spec(config, spec.wallClockNanos(), spec.semantics(), facts),
            openDisks(config, use),
            checkpoint,
            patched(config));
  }

  private static @Nullable ExactTsc patched(MachineConfig config) {
    return config.patchesTsc() ? new ExactTsc() : null;
  }

  /**
   * What machine a snapshot is of, and where it stood.
   *
   * @throws VmmException if the file is not there or its beginning cannot be read
   */
  public static LogHeader header(Path snapshot) {
    try (FileChannel channel = FileChannel.open(snapshot, StandardOpenOption.READ)) {
      MemoryImage.read(channel);
      return new CheckpointReader(
              new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel))))
          .header();
    } catch (NoSuchFileException e) {
      throw new VmmException("there is no snapshot '%s'".formatted(snapshot), "Check the name.", e);
    } catch (EOFException e) {
      throw new VmmException(
          "the snapshot '%s' is cut off".formatted(snapshot),
          "Use another one; this one cannot be restored.",
          e);
    } catch (IOException e) {
      throw new VmmException(
          "the snapshot '%s' cannot be read: %s".formatted(snapshot, e),
          "Use another one; this one cannot be restored.",
          e);
    }
  }

  /**
   * Opens all disks of a configuration, or none.
   *
   * @throws VmmException if one is missing, no disk image, or in use
   */
  public static List<MachineDisk> openDisks(MachineConfig config, DiskUse use) {
    List<MachineDisk> opened = new ArrayList<>();
    try {
      for (DriveConfig drive : config.drives()) {
        opened.add(new MachineDisk(drive.id(), open(drive, config.name(), use)));
      }
      return opened;
    } catch (RuntimeException e) {
      for (MachineDisk disk : opened) {
        try {
          disk.store().close();
        } catch (IOException second) {
          e.addSuppressed(second);
        }
      }
      throw e;
    }
  }

  private static BlockStore open(DriveConfig drive, String owner, DiskUse use) {
    if (drive.readOnly()) {
      return DiskImage.open(drive.path(), DiskImage.Access.READ_ONLY, owner);
    }
    return switch (use) {
      case DIRECT -> DiskImage.open(drive.path(), DiskImage.Access.READ_WRITE, owner);
      case REWINDABLE ->
          new RewindableDisk(DiskImage.open(drive.path(), DiskImage.Access.READ_ONLY, owner));
      case PRIVATE -> PrivateDisk.open(drive.path(), owner);
    };
  }
}
