package dev.lockstep.ft.replica;

import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.DriveConfig;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.ReplicationConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Machines of a configuration, writing to its disk images. */
public final class ConfiguredSource implements MachineSource {
  private final MachineConfig config;
  private final MachineSpec spec;
  private final @Nullable Path snapshot;
  private final boolean forceDisks;

  /**
   * @param wallClockNanos what the RTC shows at power-on: UTC, nanoseconds since 1970
   * @param forceDisks whether images are used although their markers say that they should not be
   * @throws dev.lockstep.engine.VmmException if kernel or initrd cannot be read
   */
  public ConfiguredSource(MachineConfig config, long wallClockNanos, boolean forceDisks) {
    this(config, ConfiguredMachine.spec(config, wallClockNanos), null, forceDisks);
  }

  private ConfiguredSource(
      MachineConfig config, MachineSpec spec, @Nullable Path snapshot, boolean forceDisks) {
    this.config = config;
    this.spec = spec;
    this.snapshot = snapshot;
    this.forceDisks = forceDisks;
  }

  /**
   * The machine of a VM that goes on from a snapshot.
   *
   * @param config with disks that are as they were
   * @param snapshot the state's file
   * @throws dev.lockstep.engine.VmmException if the file is no snapshot, or its machine cannot be replicated on this host
   */
  public static ConfiguredSource restored(MachineConfig config, Path snapshot) {
    return new ConfiguredSource(
        config, ConfiguredMachine.replicatedSpec(config, snapshot), snapshot, false);
  }

  @Override
  public String vmName() {
    return config.name();
  }

  @Override
  public SortedMap<String, String> facts() {
    TreeMap<String, String> facts = new TreeMap<>(spec.facts());
    // The backup's seed comes with the checkpoint.
    facts.remove(MachineConfig.SEED_FACT);
    ReplicationConfig.Following following = config.replication().following();
    if (following != ReplicationConfig.Following.EXACT) {
      facts.put("following", following.optionName());
    }
    return facts;
  }

  @Override
  public Machine create() {
    return snapshot == null
        ? ConfiguredMachine.create(config, spec, DiskUse.DIRECT)
        : ConfiguredMachine.restore(config, DiskUse.DIRECT, snapshot);
  }

  @Override
  public Machine restore(CheckpointReader checkpoint) throws IOException {
    return ConfiguredMachine.restore(config, spec, DiskUse.DIRECT, checkpoint);
  }

  @Override
  public List<Path> writableImages() {
    return config.drives().stream()
        .filter(drive -> !drive.readOnly())
        .map(DriveConfig::path)
        .toList();
  }

  @Override
  public boolean forceDisks() {
    return forceDisks;
  }
}
