package dev.lockstep.vmm.config;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.softcpu.Translation;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.config.ConfigException.Problem;
import dev.lockstep.vmm.engine.Counting;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.EngineChooser;
import dev.lockstep.vmm.engine.EngineNames;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.net.MacAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Collects settings, each with where it came from, and checks them; a later setting replaces an earlier one. Nothing is
 * thrown before {@link #build}, which tells everything that is wrong at once.
 */
public final class MachineConfigBuilder {
  /** Memory unless said otherwise. */
  public static final long DEFAULT_MEMORY = 512L << 20;

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");
  private static final Pattern DRIVE_ID = Pattern.compile("[A-Za-z0-9_-]{1,20}");

  private static final Origin NOWHERE = new Origin("configuration");

  private final List<Problem> problems = new ArrayList<>();
  private final List<DriveConfig> drives = new ArrayList<>();
  private final Map<String, Origin> driveOrigins = new HashMap<>();
  private NetworkConfig.@Nullable Backend network;
  private @Nullable MacAddress networkAddress;
  private @Nullable Boolean networkOffload;
  private Origin networkOrigin = NOWHERE;
  private String name = "lockstep";
  private @Nullable Path kernel;
  private boolean kernelRefused;
  private @Nullable Path initrd;
  private String bootArgs = "";
  private boolean defaultBootArgs = true;
  private long memoryBytes = DEFAULT_MEMORY;
  private @Nullable CpuModel cpuModel;
  private boolean patchTsc;
  private Counting counting = Counting.AUTO;
  private Origin countingOrigin = NOWHERE;
  private String engine = EngineNames.AUTO;
  private Origin engineOrigin = NOWHERE;
  private @Nullable Translation translator;
  private @Nullable Long seed;
  private ReplicationConfig.Following following = ReplicationConfig.Following.EXACT;
  private Origin followingOrigin = NOWHERE;
  private int checkpointSeconds = ReplicationConfig.DEFAULT_CHECKPOINT_SECONDS;
  private @Nullable Integer maxLagMillis;
  private int heartbeatMillis = ReplicationConfig.defaults().heartbeatMillis();
  private int silenceMillis = ReplicationConfig.defaults().silenceMillis();
  private int ackTimeoutMillis = ReplicationConfig.defaults().ackTimeoutMillis();
  private int maxPauseMillis = ReplicationConfig.defaults().maxPauseMillis();
  private ReplicationConfig.Commit commit = ReplicationConfig.defaults().commit();
  private @Nullable String arbiter;
  private @Nullable Origin arbiterOrigin;
  private Origin silenceOrigin = NOWHERE;

  MachineConfigBuilder() {}

  /** Notes something that is wrong; for readers of other forms. */
  public MachineConfigBuilder problem(Origin origin, String what) {
    problems.add(new Problem(origin, what));
    return this;
  }

  /** The VM's name: 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit. */
  public MachineConfigBuilder name(String value, Origin origin) {
    if (!NAME.matcher(value).matches()) {
      return problem(
          origin,
          "the name '%s' is not 1 to 63 letters, digits, '.', '_' or '-' beginning with a letter or digit"
              .formatted(value));
    }
    name = value;
    return this;
  }

  /** The kernel image; without it nothing can be built. */
  public MachineConfigBuilder kernel(String value, Origin origin) {
    kernel = path(value, origin);
    kernelRefused = kernel == null;
    return this;
  }

  /** The initrd. */
  public MachineConfigBuilder initrd(String value, Origin origin) {
    initrd = path(value, origin);
    return this;
  }

  /** Without an initrd, whatever was said before. */
  public MachineConfigBuilder noInitrd() {
    initrd = null;
    return this;
  }

  /** Whether a kernel was named. */
  public boolean hasKernel() {
    return kernel != null || kernelRefused;
  }

  /** Whether an initrd was named. */
  public boolean hasInitrd() {
    return initrd != null;
  }

  /** Whether a disk was added. */
  public boolean hasDrives() {
    return !drives.isEmpty() || !driveOrigins.isEmpty();
  }

  /** Kernel parameters, in place of those said before. */
  public MachineConfigBuilder bootArgs(String value, Origin origin) {
    if (value.chars().anyMatch(Character::isISOControl)) {
      return problem(origin, "kernel parameters have a control character");
    }
    bootArgs = value.strip();
    return this;
  }

  /** Kernel parameters, behind those said before. */
  public MachineConfigBuilder appendBootArgs(String value, Origin origin) {
    return bootArgs((bootArgs + " " + value).strip(), origin);
  }

  /** Whether the small PC's own parameters come first. */
  public MachineConfigBuilder defaultBootArgs(boolean value) {
    defaultBootArgs = value;
    return this;
  }

  /** Takes away all disks that were added before. */
  public MachineConfigBuilder clearDrives() {
    drives.clear();
    driveOrigins.clear();
    return this;
  }

  /** Adds a disk. */
  public MachineConfigBuilder drive(
      String id, String value, boolean readOnly, boolean root, Origin origin) {
    if (!DRIVE_ID.matcher(id).matches()) {
      return problem(
          origin, "the drive's name '%s' is not 1 to 20 letters, digits, '_' or '-'".formatted(id));
    }
    Origin earlier = driveOrigins.putIfAbsent(id, origin);
    if (earlier != null) {
      return problem(origin, "there is a drive named '%s' already (%s)".formatted(id, earlier));
    }
    Path path = path(value, origin);
    if (path == null) {
      return this;
    }
    if (root && drives.stream().anyMatch(DriveConfig::root)) {
      return problem(origin, "a second drive says it is the root device");
    }
    if (drives.size() == MachineLayout.MAX_DISKS) {
      return problem(origin, "a machine has at most %d drives".formatted(MachineLayout.MAX_DISKS));
    }
    for (DriveConfig drive : drives) {
      if (drive.path().equals(path) && !(drive.readOnly() && readOnly)) {
        return problem(
            origin,
            "drives '%s' and '%s' are the same file '%s' and not both read-only"
                .formatted(drive.id(), id, path));
      }
    }
    drives.add(new DriveConfig(id, path, readOnly, root));
    return this;
  }

  /** Adds a disk named by its place. */
  public MachineConfigBuilder drive(String value, boolean readOnly, Origin origin) {
    return drive(nextDriveId(), value, readOnly, false, origin);
  }

  /** The name of a disk that gets none: {@code disk0}, {@code disk1}, … */
  public String nextDriveId() {
    return "disk" + driveOrigins.size();
  }

  /**
   * The network interface, in place of one that was said before.
   *
   * @param mac the guest's address; null for one made of the VM's name
   * @param offload whether work on frames may be left to the other side; null for what was said before, or what is best
   */
  public MachineConfigBuilder network(
      NetworkConfig.Backend backend,
      @Nullable String mac,
      @Nullable Boolean offload,
      Origin origin) {
    try {
      networkAddress = mac == null ? null : MacAddress.parse(mac);
    } catch (IllegalArgumentException e) {
      return problem(origin, "the network's address: " + e.getMessage());
    }
    network = backend;
    if (offload != null) {
      networkOffload = offload;
    }
    networkOrigin = origin;
    return this;
  }

  /** Memory in bytes: whole MiB, 64 MiB to 64 GiB. */
  public MachineConfigBuilder memory(long bytes, Origin origin) {
    if (bytes % (1 << 20) != 0) {
      return problem(origin, "memory of %s is not whole MiB".formatted(MemorySize.format(bytes)));
    }
    if (bytes < MachineLayout.MIN_MEMORY || bytes > MachineConfig.MAX_MEMORY) {
      return problem(
          origin,
          "memory of %s is out of range: %s to %s"
              .formatted(
                  MemorySize.format(bytes),
                  MemorySize.format(MachineLayout.MIN_MEMORY),
                  MemorySize.format(MachineConfig.MAX_MEMORY)));
    }
    memoryBytes = bytes;
    return this;
  }

  /** Virtual CPUs: 1. */
  public MachineConfigBuilder vcpus(long count, Origin origin) {
    return count == 1
        ? this
        : problem(origin, "%d virtual CPUs: a machine has exactly 1".formatted(count));
  }

  /** The CPU model by its name. */
  public MachineConfigBuilder cpuModel(String value, Origin origin) {
    try {
      cpuModel = CpuModel.named(value);
    } catch (VmmException e) {
      problem(origin, "%s (%s)".formatted(e.getMessage(), e.advice()));
    }
    return this;
  }

  /** Whether the kernel's reads of the time-stamp counter are patched; see {@link MachineConfig#patchesTsc}. */
  public MachineConfigBuilder patchTsc(boolean value) {
    patchTsc = value;
    return this;
  }

  /** How moments are named: one of {@link Counting#NAMES}. */
  public MachineConfigBuilder counter(String value, Origin origin) {
    Optional<Counting> known = Counting.named(value);
    if (known.isEmpty()) {
      return problem(
          origin,
          "there is no counter '%s'; use one of %s"
              .formatted(value, String.join(", ", Counting.NAMES)));
    }
    counting = known.get();
    countingOrigin = origin;
    return this;
  }

  /** The engine: {@code soft}, {@code kvm} or {@code auto}. */
  public MachineConfigBuilder engine(String value, Origin origin) {
    if (!EngineNames.ALL.contains(value)) {
      return problem(
          origin,
          "there is no engine '%s'; use one of %s"
              .formatted(value, String.join(", ", EngineNames.ALL)));
    }
    engine = value;
    engineOrigin = origin;
    return this;
  }

  /** What {@code soft} does with hot code: {@code off}, {@code on}, {@code bytecode}, or one of the last two with {@code :THRESHOLD}, the instructions that a block must have executed first. */
  public MachineConfigBuilder translator(String value, Origin origin) {
    Optional<Translation> known = Translation.named(value);
    if (known.isEmpty()) {
      return problem(
          origin,
          "there is no translator '%s'; use one of off, on, bytecode, on:THRESHOLD, bytecode:THRESHOLD"
              .formatted(value));
    }
    translator = known.get();
    return this;
  }

  /** What the guest's random numbers start from; unless it is said, a random one is drawn. */
  public MachineConfigBuilder seed(long value) {
    seed = value;
    return this;
  }

  /** See {@link ReplicationConfig#maxLagMillis}. */
  public MachineConfigBuilder maxLagMillis(long value, Origin origin) {
    maxLagMillis =
        range(
            value,
            ReplicationConfig.MIN_LAG_MILLIS,
            ReplicationConfig.MAX_LAG_MILLIS,
            ReplicationConfig.defaults().maxLagMillis(),
            "the lag",
            origin);
    return this;
  }

  /** See {@link ReplicationConfig#heartbeatMillis}. */
  public MachineConfigBuilder heartbeatMillis(long value, Origin origin) {
    heartbeatMillis =
        range(
            value,
            ReplicationConfig.MIN_HEARTBEAT_MILLIS,
            ReplicationConfig.MAX_HEARTBEAT_MILLIS,
            heartbeatMillis,
            "the heartbeat's interval",
            origin);
    silenceOrigin = origin;
    return this;
  }

  /** See {@link ReplicationConfig#silenceMillis}. */
  public MachineConfigBuilder silenceMillis(long value, Origin origin) {
    silenceMillis =
        range(
            value,
            ReplicationConfig.MIN_SILENCE_MILLIS,
            ReplicationConfig.MAX_SILENCE_MILLIS,
            silenceMillis,
            "the silence",
            origin);
    silenceOrigin = origin;
    return this;
  }

  /** See {@link ReplicationConfig#ackTimeoutMillis}. */
  public MachineConfigBuilder ackTimeoutMillis(long value, Origin origin) {
    ackTimeoutMillis =
        range(
            value,
            ReplicationConfig.MIN_ACK_TIMEOUT_MILLIS,
            ReplicationConfig.MAX_ACK_TIMEOUT_MILLIS,
            ackTimeoutMillis,
            "the acknowledgement's timeout",
            origin);
    return this;
  }

  /** See {@link ReplicationConfig#following}: {@code exact} or {@code free-running}. */
  public MachineConfigBuilder following(String value, Origin origin) {
    Optional<ReplicationConfig.Following> known = ReplicationConfig.Following.named(value);
    if (known.isEmpty()) {
      return problem(
          origin, "there is no following '%s'; use exact or free-running".formatted(value));
    }
    following = known.get();
    followingOrigin = origin;
    return this;
  }

  /** See {@link ReplicationConfig#checkpointSeconds}. */
  public MachineConfigBuilder checkpointSeconds(long value, Origin origin) {
    if (value < ReplicationConfig.MIN_CHECKPOINT_SECONDS
        || value > ReplicationConfig.MAX_CHECKPOINT_SECONDS) {
      return problem(
          origin,
          "a checkpoint every %d s is out of range: %d to %d s"
              .formatted(
                  value,
                  ReplicationConfig.MIN_CHECKPOINT_SECONDS,
                  ReplicationConfig.MAX_CHECKPOINT_SECONDS));
    }
    checkpointSeconds = (int) value;
    return this;
  }

  /** See {@link ReplicationConfig#maxPauseMillis}. */
  public MachineConfigBuilder maxPauseMillis(long value, Origin origin) {
    maxPauseMillis =
        range(
            value,
            ReplicationConfig.MIN_PAUSE_MILLIS,
            ReplicationConfig.MAX_PAUSE_MILLIS,
            maxPauseMillis,
            "the pause",
            origin);
    return this;
  }

  /** See {@link ReplicationConfig#commit}; by its word. */
  public MachineConfigBuilder commit(String word, Origin origin) {
    ReplicationConfig.Commit known = ReplicationConfig.Commit.of(word);
    if (known == null) {
      problem(origin, "'%s' is neither matched nor received".formatted(word));
    } else {
      commit = known;
    }
    return this;
  }

  /** See {@link ReplicationConfig#arbiter}. One configuration names one. */
  public MachineConfigBuilder arbiter(String value, Origin origin) {
    if (arbiterOrigin != null) {
      problem(origin, "the arbiter is named already, at %s".formatted(arbiterOrigin));
    }
    arbiterOrigin = origin;
    if (value.regionMatches(true, 0, ReplicationConfig.ETCD, 0, ReplicationConfig.ETCD.length())) {
      arbiter = value;
    } else {
      Path folder = path(value, origin);
      arbiter = folder == null ? null : folder.toString();
    }
    return this;
  }

  /** The configuration of a machine whose every moment must have an exact name; see {@link #build(Purpose)}. */
  public MachineConfig build() {
    return build(Purpose.RECORDED);
  }

  /**
   * The configuration.
   *
   * @param purpose decides, with what was asked for, which engine the machine gets
   * @throws ConfigException with everything that is wrong
   */
  public MachineConfig build(Purpose purpose) {
    return build(purpose, new EngineChooser());
  }

  /** As {@link #build(Purpose)}, on a host that has been asked. */
  MachineConfig build(Purpose purpose, EngineChooser host) {
    List<Problem> found = new ArrayList<>(problems);
    if (purpose == Purpose.REPLICATED) {
      countAsFollowed(found);
    }
    EngineChoice choice = chooseEngine(purpose, host, found);
    CpuModel model = cpuModel != null ? cpuModel : defaultModel(choice);
    if (counting == Counting.ANCHORS && model.hasTsc()) {
      found.add(
          new Problem(
              countingOrigin,
              "counter anchors needs a CPU model without a time-stamp counter, not %s (use lockstep-v1)"
                  .formatted(model.name())));
    }
    Path chosen = kernel;
    if (chosen == null && !kernelRefused) {
      found.add(new Problem(NOWHERE, "no kernel is named"));
    }
    if (silenceMillis < heartbeatMillis * ReplicationConfig.HEARTBEATS_IN_SILENCE) {
      found.add(
          new Problem(
              silenceOrigin,
              "suspicion after %d ms of silence is less than %d heartbeats of %d ms"
                  .formatted(
                      silenceMillis, ReplicationConfig.HEARTBEATS_IN_SILENCE, heartbeatMillis)));
    }
    NetworkConfig networkConfig = networkConfig(found);
    if (chosen == null || !found.isEmpty()) {
      throw new ConfigException(found);
    }
    return new MachineConfig(
        name,
        chosen,
        initrd,
        bootArgs,
        defaultBootArgs,
        drives,
        networkConfig,
        memoryBytes,
        model,
        patchTsc || choice.patchTsc(),
        counting == Counting.AUTO || counting == Counting.PERF ? choice.counting() : counting,
        choice,
        translator,
        seed == null ? new SecureRandom().nextLong() : seed,
        new ReplicationConfig(
            maxLagMillis == null ? ReplicationConfig.defaultMaxLagMillis(commit) : maxLagMillis,
            heartbeatMillis,
            silenceMillis,
            ackTimeoutMillis,
            maxPauseMillis,
            commit,
            arbiter,
            following,
            checkpointSeconds));
  }

  /** What is followed freely numbers its exits; what is followed exactly must not. */
  private void countAsFollowed(List<Problem> found) {
    boolean free = following == ReplicationConfig.Following.FREE_RUNNING;
    boolean anchors = counting == Counting.ANCHORS;
    if (free && commit == ReplicationConfig.Commit.RECEIVED) {
      found.add(
          new Problem(
              followingOrigin,
              "with free-running following an output leaves when it is matched, not before (leave out commit received)"));
    }
    if (free && counting == Counting.AUTO) {
      counting = Counting.ANCHORS;
      countingOrigin = followingOrigin;
    } else if (free && !anchors) {
      found.add(
          new Problem(
              countingOrigin,
              "free-running following numbers the guest's exits, and counter %s does not (leave the counter out)"
                  .formatted(counting.optionName())));
    } else if (!free && anchors) {
      found.add(
          new Problem(
              countingOrigin,
              "a pair that counts by anchors cannot be followed exactly (use free-running following)"));
    }
  }

  private @Nullable NetworkConfig networkConfig(List<Problem> found) {
    NetworkConfig.Backend backend = network;
    if (backend == null) {
      return null;
    }
    MacAddress address = networkAddress;
    // Flows are compared segment by segment.
    boolean exact = following == ReplicationConfig.Following.EXACT;
    boolean offload =
        networkOffload == null ? exact && backend instanceof NetworkConfig.Tap : networkOffload;
    if (offload && backend instanceof NetworkConfig.Passt) {
      found.add(
          new Problem(
              networkOrigin,
              "passt takes whole frames only, and this machine leaves work on them to its network (use a tap device, or offload=off for a machine that has not begun)"));
    }
    if (offload && !exact) {
      found.add(
          new Problem(
              networkOrigin,
              "free-running following compares whole frames (leave offload=on out)"));
    }
    return new NetworkConfig(address == null ? MacAddress.ofName(name) : address, backend, offload);
  }

  private EngineChoice chooseEngine(Purpose purpose, EngineChooser host, List<Problem> found) {
    try {
      return EngineNames.choose(engine, purpose, cpuModel, counting, host);
    } catch (VmmException e) {
      found.add(new Problem(engineOrigin, "%s (%s)".formatted(e.getMessage(), e.advice())));
      return host.choose(Purpose.RECORDED);
    }
  }

  /** The richest model that the engine can give. */
  private CpuModel defaultModel(EngineChoice choice) {
    return choice.engine().equals(EngineChoice.KVM) || counting == Counting.ANCHORS
        ? CpuModel.LOCKSTEP_V1
        : CpuModel.LOCKSTEP_V1_TSC;
  }

  private @Nullable Path path(String value, Origin origin) {
    if (value.isBlank()) {
      problem(origin, "the path is empty");
      return null;
    }
    try {
      return Path.of(value).toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      problem(origin, "'%s' is not a path: %s".formatted(value, e.getReason()));
      return null;
    }
  }

  private int range(long value, int min, int max, int otherwise, String what, Origin origin) {
    if (value < min || value > max) {
      problem(origin, "%s of %d ms is out of range: %d to %d ms".formatted(what, value, min, max));
      return otherwise;
    }
    return (int) value;
  }
}
