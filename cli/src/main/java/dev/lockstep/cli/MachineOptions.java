package dev.lockstep.cli;

import dev.lockstep.vmm.config.ConfigFile;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.MemorySize;
import dev.lockstep.vmm.config.NetworkText;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.engine.EngineNames;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What machine to run: the options that all such commands share. A file's settings come first, options replace them. */
final class MachineOptions {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "Configuration in JSON, in Firecracker's shape; the options below replace what it says.")
  private @Nullable Path config;

  @Option(
      names = "--kernel",
      paramLabel = "FILE",
      description = "Linux kernel, bzImage or vmlinux (default: that of scripts/guest-image).")
  private @Nullable String kernel;

  @Option(
      names = "--initrd",
      paramLabel = "FILE",
      description = "Initial RAM disk (default: that of scripts/guest-image, with its kernel).")
  private @Nullable String initrd;

  @Option(
      names = "--append",
      paramLabel = "PARAMETERS",
      description = "Kernel parameters, behind the small PC's own; may be repeated.")
  private List<String> append = List.of();

  @Option(
      names = "--no-default-append",
      description =
          "Without the small PC's own kernel parameters: --append is the whole command line.")
  private boolean noDefaultAppend;

  @Option(
      names = "--disk",
      paramLabel = "FILE[,ro][,root][,id=NAME]",
      description =
          "Disk image (raw), as /dev/vda and on; ro: read-only, root: mounted as the root. May be repeated.")
  private List<String> disks = List.of();

  @Option(
      names = "--net",
      paramLabel =
          "tap=NAME|passt[=SOCKET]|unplugged[,mac=ADDRESS][,offload=on|off][,forward=tcp:HOST:GUEST]",
      description =
          "Network interface: over a tap device (see lockstep net), or by passt without root (its connections end with this host); forward leads a port of this host into the guest, with passt.")
  private @Nullable String net;

  @Option(
      names = "--force-disk",
      description = "Use disks even if they are marked as stale, or as another VM's.")
  private boolean forceDisk;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Memory, as 512M or 2G: 64M to 64G (default: 512M).")
  private @Nullable String memory;

  @Option(
      names = "--cpu-model",
      paramLabel = "NAME",
      description =
          "CPU that the guest sees: lockstep-v1-tsc (default on soft) or lockstep-v1 (without a time-stamp counter; the only one on kvm).")
  private @Nullable String cpuModel;

  @Option(
      names = "--patch-tsc",
      description =
          "Patch the kernel in memory so that every read of the time-stamp counter goes through the machine, as a recording on hardware would need; soft does without. For Linux 5.8 and later.")
  private boolean patchTsc;

  @Option(
      names = "--engine",
      paramLabel = "NAME",
      description =
          "What executes the guest: soft (our CPU in Java, runs anywhere, counts exactly), kvm (hardware), or auto (default: kvm where a probe finds it good for what is asked).")
  private @Nullable String engine;

  @Option(
      names = "--translator",
      paramLabel = "MODE",
      description =
          "What soft does with hot code: on (default) makes code of the host's processor of it, bytecode makes bytecode of the JVM, off interprets everything; on:THRESHOLD or bytecode:THRESHOLD once a block has executed so many instructions. The guest cannot tell; replicas and replays may differ in it.")
  private @Nullable String translator;

  @Option(
      names = "--counter",
      paramLabel = "NAME",
      description =
          "What names a recording's moments: auto (default: the engine's own count, which on kvm is perf), perf (the processor's counter, calibrated by doctor --calibrate; for kvm), anchors (the guest's exits; for kvm, exact for guests that exit often, the log says how far), or step (every instruction is stepped: exact, slow).")
  private @Nullable String counter;

  @Option(
      names = "--following",
      paramLabel = "HOW",
      description =
          "Of a pair: how the backup keeps to the primary: exact (default: to the instruction, on soft) or free-running (as nearly as it can, outputs compared by what they say; for kvm without a counter). Both replicas need the same.")
  private @Nullable String following;

  @Option(
      names = "--checkpoint-seconds",
      paramLabel = "N",
      description =
          "Of a pair with free-running following: the two are made equal by a checkpoint at least this often (default: 20).")
  private @Nullable Integer checkpointSeconds;

  @Option(
      names = "--seed",
      paramLabel = "NUMBER",
      description = "What the guest's random numbers start from (default: drawn anew).")
  private @Nullable Long seed;

  @Option(names = "--name", paramLabel = "NAME", description = "The VM's name (default: lockstep).")
  private @Nullable String name;

  /** What to do with disks that are stale or another VM's. */
  DiskMarker.Unfit unfitDisks() {
    return forceDisk ? DiskMarker.Unfit.USE : DiskMarker.Unfit.REFUSE;
  }

  /** Whether {@code --engine auto} was said. */
  boolean leavesEngineOpen() {
    return EngineNames.AUTO.equals(engine);
  }

  /** Whether disks are named. */
  boolean hasDisks() {
    return !disks.isEmpty();
  }

  /** Reads the file and puts the options on top of it. */
  MachineConfigBuilder builder() {
    MachineConfigBuilder into = MachineConfig.builder();
    if (config != null) {
      ConfigFile.read(config, into);
    }
    apply(into);
    return into;
  }

  /** Puts the options on top of what a builder has. */
  void apply(MachineConfigBuilder into) {
    if (kernel != null) {
      into.noInitrd().kernel(kernel, new Origin("--kernel"));
    }
    if (initrd != null) {
      into.initrd(initrd, new Origin("--initrd"));
    }
    for (String parameters : append) {
      into.appendBootArgs(parameters, new Origin("--append"));
    }
    if (noDefaultAppend) {
      into.defaultBootArgs(false);
    }
    if (!disks.isEmpty()) {
      into.clearDrives();
    }
    for (String disk : disks) {
      disk(disk, into);
    }
    if (net != null) {
      NetworkText.read(net, new Origin("--net"), into);
    }
    if (memory != null) {
      memory(memory, into);
    }
    if (cpuModel != null) {
      into.cpuModel(cpuModel, new Origin("--cpu-model"));
    }
    if (patchTsc) {
      into.patchTsc(true);
    }
    if (engine != null) {
      into.engine(engine, new Origin("--engine"));
    }
    if (translator != null) {
      into.translator(translator, new Origin("--translator"));
    }
    if (following != null) {
      into.following(following, new Origin("--following"));
    }
    if (checkpointSeconds != null) {
      into.checkpointSeconds(checkpointSeconds, new Origin("--checkpoint-seconds"));
    }
    if (counter != null) {
      into.counter(counter, new Origin("--counter"));
    }
    if (seed != null) {
      into.seed(seed);
    }
    if (name != null) {
      into.name(name, new Origin("--name"));
    }
  }

  private static void memory(String text, MachineConfigBuilder into) {
    Origin origin = new Origin("--memory");
    OptionalLong bytes = MemorySize.parse(text);
    if (bytes.isPresent()) {
      into.memory(bytes.getAsLong(), origin);
    } else {
      into.problem(origin, "'%s' is no size; write 512M or 2G".formatted(text));
    }
  }

  /** Words behind the last commas that are known are settings; everything before is the path, which may have commas. */
  private static void disk(String text, MachineConfigBuilder into) {
    Origin origin = new Origin("--disk");
    boolean readOnly = false;
    boolean root = false;
    String id = null;
    String path = text;
    for (int comma = path.lastIndexOf(','); comma >= 0; comma = path.lastIndexOf(',')) {
      String word = path.substring(comma + 1);
      if (word.equals("ro")) {
        readOnly = true;
      } else if (word.equals("root")) {
        root = true;
      } else if (word.startsWith("id=")) {
        id = word.substring(3);
      } else {
        break;
      }
      path = path.substring(0, comma);
    }
    into.drive(id == null ? into.nextDriveId() : id, path, readOnly, root, origin);
  }
}
