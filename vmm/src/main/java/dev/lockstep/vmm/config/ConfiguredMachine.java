package dev.lockstep.vmm.config;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.boot.BootLoader;
import dev.lockstep.vmm.boot.BootOptions;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineDisk;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Makes machines of configurations: engine, memory, disks, and the guest in it. */
public final class ConfiguredMachine {
  private ConfiguredMachine() {}

  /**
   * A factory for machines of a configuration's engine.
   *
   * @param config says which
   */
  public static MachineFactory factory(MachineConfig config) {
    if (!config.engine().equals("soft")) {
      throw new IllegalStateException("engine " + config.engine());
    }
    return new MachineFactory(
        (model, semantics, memory, tsc) -> SoftVcpu.create(model, memory, tsc, semantics));
  }

  /**
   * What a machine of a configuration is made of; reads kernel and initrd to name them in its facts.
   *
   * @param wallClockNanos what its RTC shows at the start: UTC, nanoseconds since 1970
   * @throws dev.lockstep.engine.VmmException if kernel or initrd cannot be read
   */
  public static MachineSpec spec(MachineConfig config, long wallClockNanos) {
    SortedMap<String, String> facts = new TreeMap<>(config.facts());
    facts.put("kernel_file_sha256", BootLoader.fileDigest(config.kernel(), "kernel"));
    Path initrd = config.initrd();
    if (initrd != null) {
      facts.put("initrd_file_sha256", BootLoader.fileDigest(initrd, "initrd"));
    }
    return new MachineSpec(
        config.name(),
        config.cpuModel(),
        BranchSemantics.ALL_TRANSFERS,
        config.memoryBytes(),
        wallClockNanos,
        MachineSpec.Pacing.HOST,
        MachineSpec.DIGEST_SPACING,
        facts);
  }

  /**
   * A machine with its guest loaded, not started.
   *
   * @throws dev.lockstep.engine.VmmException if a file is missing or not what it should be, or memory is short
   */
  public static Machine create(MachineConfig config, MachineSpec spec) {
    BootOptions boot =
        new BootOptions(config.kernel(), config.initrd(), config.commandLine(), config.rngSeed());
    List<MachineDisk> disks = new ArrayList<>();
    for (DriveConfig drive : config.drives()) {
      DiskImage.Access access =
          drive.readOnly() ? DiskImage.Access.READ_ONLY : DiskImage.Access.READ_WRITE;
      disks.add(new MachineDisk(drive.id(), DiskImage.open(drive.path(), access, config.name())));
    }
    return factory(config)
        .create(spec, disks, (memory, state) -> BootLoader.load(boot, memory, state));
  }
}
