package dev.lockstep.counting.host;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Reads {@link HostFacts} from /proc, /sys and /dev/cpu. Missing files are facts, never errors. */
public final class HostFactsReader {
  /** LS_CFG2 of Zen, and the bit that switches SpecLockMap off. */
  private static final long MSR = 0xc001_1020L;

  private static final long SPEC_LOCK_MAP_DISABLED = 1L << 54;
  private static final int MSR_BYTES = 8;

  private final Path root;

  /**
   * @param root {@code /}, or a folder that looks like it
   */
  public HostFactsReader(Path root) {
    this.root = root;
  }

  /** The facts. */
  public HostFacts read() {
    Optional<CpuIdentity> cpu = text("proc/cpuinfo").flatMap(CpuIdentity::ofCpuinfo);
    boolean zen =
        cpu.flatMap(Microarchitecture::of)
            .filter(kind -> kind == Microarchitecture.AMD_ZEN)
            .isPresent();
    return new HostFacts(
        cpu,
        text("proc/sys/kernel/osrelease").orElse("unknown"),
        pmus(),
        zen ? specLockMap() : SpecLockMap.NotThere.NOT_THERE,
        text("proc/sys/kernel/nmi_watchdog").filter(value -> value.equals("1")).isPresent(),
        freezesOnSmi());
  }

  private Optional<Boolean> freezesOnSmi() {
    for (String pmu : new String[] {"cpu", "cpu_core"}) {
      Optional<String> value = text("sys/devices/" + pmu + "/freeze_on_smi");
      if (value.isPresent()) {
        return value.map(it -> !it.equals("0"));
      }
    }
    return Optional.empty();
  }

  private List<PmuDescription> pmus() {
    List<PmuDescription> pmus = new ArrayList<>();
    for (String name : new String[] {"cpu", "cpu_core", "cpu_atom"}) {
      String folder = "sys/bus/event_source/devices/" + name;
      Optional<String> type = text(folder + "/type");
      try {
        if (type.isPresent()) {
          Set<Integer> cpus = PmuDescription.cpuList(text(folder + "/cpus").orElse(""));
          pmus.add(new PmuDescription(name, Integer.parseInt(type.get()), cpus));
        }
      } catch (IllegalArgumentException e) {
        // A description that cannot be understood is that of no PMU.
        continue;
      }
    }
    return pmus;
  }

  private SpecLockMap specLockMap() {
    List<Path> devices;
    Path folder = root.resolve("dev/cpu");
    try (Stream<Path> cpus = Files.list(folder)) {
      devices = cpus.map(cpu -> cpu.resolve("msr")).filter(Files::exists).sorted().toList();
    } catch (IOException e) {
      return new SpecLockMap.Unknown("there is no " + folder + ": the module msr is not loaded");
    }
    if (devices.isEmpty()) {
      return new SpecLockMap.Unknown("no " + folder + "/N/msr: the module msr is not loaded");
    }
    boolean disabled = true;
    for (Path device : devices) {
      ByteBuffer value = ByteBuffer.allocate(MSR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      try (FileChannel msr = FileChannel.open(device, StandardOpenOption.READ)) {
        if (msr.read(value, MSR) != MSR_BYTES) {
          return new SpecLockMap.Unknown(device + " has no register 0xc0011020");
        }
      } catch (IOException e) {
        return new SpecLockMap.Unknown(device + ": " + e.getMessage());
      }
      disabled &= (value.getLong(0) & SPEC_LOCK_MAP_DISABLED) != 0;
    }
    return new SpecLockMap.Known(disabled);
  }

  private Optional<String> text(String file) {
    try {
      return Optional.of(Files.readString(root.resolve(file)).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
