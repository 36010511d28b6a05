package dev.lockstep.vmm.config;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.softcpu.Translation;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.engine.Counting;
import dev.lockstep.vmm.engine.EngineChoice;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Everything that is to be said about a machine, checked. Made by {@link MachineConfigBuilder} alone, so whoever has one
 * need not check again; that files exist is found out when they are opened.
 */
public final class MachineConfig {
  /** The kernel parameters that the small PC needs or that save the guest useless work. */
  public static final String DEFAULT_BOOT_ARGS =
      String.join(
          " ",
          "console=ttyS0",
          // There is neither ACPI nor an APIC; the PM timer is where the layout says.
          "acpi=off noapic nolapic pmtmr=0x%x".formatted(MachineLayout.PM_TIMER),
          // PCI by ports alone, without a search for a BIOS.
          "pci=conf1",
          // Reboot through the keyboard controller, at once after a panic: the machine ends there.
          "reboot=k panic=-1",
          // The clock is ours and the CPU is no real one: no check of the timer, no workarounds for
          // its leaks.
          "no_timer_check mitigations=off",
          // The TSC is the machine's clock itself; the kernel would hold it against timer
          // interrupts, which a
          // busy host makes the guest lose.
          "tsc=reliable",
          // The boot seed counts as entropy.
          "random.trust_bootloader=on");

  /** The fact that only says what the guest's random numbers started from: a machine that goes on from another's state has the other's. */
  public static final String SEED_FACT = "rng_seed_sha256";

  /** Most memory a machine can have. */
  public static final long MAX_MEMORY = 64L << 30;

  private final String name;
  private final Path kernel;
  private final @Nullable Path initrd;
  private final String bootArgs;
  private final boolean defaultBootArgs;
  private final List<DriveConfig> drives;
  private final @Nullable NetworkConfig network;
  private final long memoryBytes;
  private final CpuModel cpuModel;
  private final boolean patchTsc;
  private final Counting counting;
  private final EngineChoice engine;
  private final @Nullable Translation translator;
  private final long seed;
  private final ReplicationConfig replication;

  MachineConfig(
      String name,
      Path kernel,
      @Nullable Path initrd,
      String bootArgs,
      boolean defaultBootArgs,
      List<DriveConfig> drives,
      @Nullable NetworkConfig network,
      long memoryBytes,
      CpuModel cpuModel,
      boolean patchTsc,
      Counting counting,
      EngineChoice engine,
      @Nullable Translation translator,
      long seed,
      ReplicationConfig replication) {
    this.name = name;
    this.kernel = kernel;
    this.initrd = initrd;
    this.bootArgs = bootArgs;
    this.defaultBootArgs = defaultBootArgs;
    this.drives = List.copyOf(drives);
    this.network = network;
    this.memoryBytes = memoryBytes;
    this.cpuModel = cpuModel;
    this.patchTsc = patchTsc;
    this.counting = counting;
    this.engine = engine;
    this.translator = translator;
    this.seed = seed;
    this.replication = replication;
  }

  /** A builder with the defaults. */
  public static MachineConfigBuilder builder() {
    return new MachineConfigBuilder();
  }

  /** The VM's name. */
  public String name() {
    return name;
  }

  /** The kernel image. */
  public Path kernel() {
    return kernel;
  }

  /** The initrd; null for none. */
  public @Nullable Path initrd() {
    return initrd;
  }

  /** The kernel parameters that were asked for. */
  public String bootArgs() {
    return bootArgs;
  }

  /** Whether {@link #DEFAULT_BOOT_ARGS} come before {@link #bootArgs}. */
  public boolean defaultBootArgs() {
    return defaultBootArgs;
  }

  /** The whole kernel command line. */
  public String commandLine() {
    StringBuilder line = new StringBuilder();
    if (defaultBootArgs) {
      line.append(DEFAULT_BOOT_ARGS);
    }
    for (int i = 0; i < drives.size(); i++) {
      DriveConfig drive = drives.get(i);
      if (drive.root()) {
        append(line, "root=/dev/vd%c %s".formatted('a' + i, drive.readOnly() ? "ro" : "rw"));
      }
    }
    append(line, bootArgs);
    return line.toString();
  }

  /** The disks, in the order in which the guest finds them (vda, vdb, …). */
  public List<DriveConfig> drives() {
    return drives;
  }

  /** The same with other images behind its disks: the same contents elsewhere. */
  public MachineConfig withDrivePaths(Function<DriveConfig, Path> path) {
    List<DriveConfig> moved =
        drives.stream()
            .map(drive ->
                new DriveConfig(
                    drive.id(),
                    path.apply(drive).toAbsolutePath().normalize(),
                    drive.readOnly(),
                    drive.root()))
            .toList();
    return new MachineConfig(
        name,
        kernel,
        initrd,
        bootArgs,
        defaultBootArgs,
        moved,
        network,
        memoryBytes,
        cpuModel,
        patchTsc,
        counting,
        engine,
        translator,
        seed,
        replication);
  }

  /** The network interface; null for none. */
  public @Nullable NetworkConfig network() {
    return network;
  }

  /** Bytes of memory; whole MiB. */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** The CPU that the guest sees. */
  public CpuModel cpuModel() {
    return cpuModel;
  }

  /**
   * Whether the kernel is patched in memory so that every read of the time-stamp counter, by itself, its modules and programs,
   * goes through the machine: what a recording needs on an engine that never traps RDTSC. {@code soft} does without.
   */
  public boolean patchesTsc() {
    return patchTsc;
  }

  /** How its moments get their names. */
  public Counting counting() {
    return counting;
  }

  /** The engine's name: {@code soft} or {@code kvm}. */
  public String engine() {
    return engine.engine();
  }

  /** Why it has this engine, one line. */
  public String engineReason() {
    return engine.reason();
  }

  /**
   * When {@code soft} translates hot code on this host, which nobody can tell from the guest: {@code off}, {@code on}, {@code on:THRESHOLD} as it was asked for, else {@link HostTranslator#word}.
   *
   * @throws dev.lockstep.engine.VmmException as that
   */
  public String translator() {
    return translation().word();
  }

  /** The same, for the engine. */
  Translation translation() {
    Translation asked = translator;
    return asked == null ? Translation.configured() : asked;
  }

  /** The word by which {@link #translator} was asked for; null if it was left to the host. */
  @Nullable String translatorAsked() {
    return translator == null ? null : translator.word();
  }

  /** What the guest's random numbers start from. */
  public long seed() {
    return seed;
  }

  /** How the machine is protected. */
  public ReplicationConfig replication() {
    return replication;
  }

  /** 32 bytes for the kernel's random number generator, drawn from {@link #seed}. */
  public byte[] rngSeed() {
    return sha256("lockstep boot seed " + seed);
  }

  /**
   * What two replicas must have in common of this: what the guest can see, by name. Not the engine or its translator, the
   * host's paths, or how the machine is protected.
   */
  public SortedMap<String, String> facts() {
    TreeMap<String, String> facts = new TreeMap<>();
    facts.put("memory_mib", Long.toString(memoryBytes >> 20));
    facts.put("cpu_model", cpuModel.name());
    facts.put("cpu_model_sha256", cpuModel.digest());
    if (patchTsc) {
      facts.put("tsc_reads", "patched");
    }
    facts.put("command_line", commandLine());
    facts.put("has_initrd", Boolean.toString(initrd != null));
    facts.put(SEED_FACT, hex(sha256(HexFormat.of().formatHex(rngSeed()))));
    for (int i = 0; i < drives.size(); i++) {
      DriveConfig drive = drives.get(i);
      facts.put(
          (i < 10 ? "drive_0" : "drive_") + i,
          drive.id() + (drive.readOnly() ? " read-only" : " writable"));
    }
    if (network != null) {
      facts.put("network", network.address().toString());
      if (network.offload()) {
        facts.put("network_offload", "on");
      }
    }
    return Collections.unmodifiableSortedMap(facts);
  }

  /** SHA-256 over {@link #facts}, in hexadecimal. */
  public String digest() {
    StringBuilder text = new StringBuilder();
    // Names have no control characters and values of one line each, so this is unambiguous.
    facts().forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
    return hex(sha256(text.toString()));
  }

  private static void append(StringBuilder line, String more) {
    if (!more.isEmpty()) {
      line.append(line.isEmpty() ? "" : " ").append(more);
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
