package dev.lockstep.counting.host;

import java.util.Optional;
import java.util.Set;

/**
 * Microarchitectures by the counter that is known to be exact there, as mature record and replay tools use it. Numbers: Intel's and AMD's event lists; the raw configuration is in the layout of {@code perf_event_attr.config}
 * with the enable bits of IA32_PERFEVTSEL, which the kernel ignores.
 */
public enum Microarchitecture {
  /** Nehalem to Comet Lake. */
  INTEL_CORE("Intel Nehalem to Comet Lake", 0x5101c4, 100),

  /** Ice Lake, Tiger Lake, Rocket Lake. */
  INTEL_ICE_LAKE("Intel Ice Lake, Tiger Lake, Rocket Lake", 0x5111c4, 100),

  /** P-cores of Alder, Raptor and Meteor Lake; Sapphire, Emerald and Granite Rapids. */
  INTEL_GOLDEN_COVE("Intel Alder Lake P-core and its successors", 0x5111c4, 125),

  /** P-cores of Lunar and Arrow Lake. */
  INTEL_LION_COVE("Intel Lunar and Arrow Lake P-core", 0x1_0000_5111c4L, 125),

  /** Atom lines and E-cores. */
  INTEL_ATOM("Intel Atom and E-cores", 0x517ec4, 100),

  /** Bulldozer to Excavator: taken branches less far ones, which is no semantics that a log can name. */
  AMD_15H("AMD family 15h", 0xc4, 250),

  /** Zen 1 to 5 and Hygon's Dhyana. */
  AMD_ZEN("AMD Zen", 0x5100d1, 10_000);

  /** Event lists name the models in hexadecimal (Intel SDM vol. 4 table 2-1). */
  private static final Set<Integer> CORE =
      Set.of(
          0x1a, 0x1e, 0x1f, 0x2e, 0x25, 0x2c, 0x2f, 0x2a, 0x2d, 0x3a, 0x3e, 0x3c, 0x3f, 0x45, 0x46,
          0x3d, 0x47, 0x4f, 0x56, 0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0xa5, 0xa6);

  private static final Set<Integer> ICE_LAKE = Set.of(0x7d, 0x7e, 0x6a, 0x6c, 0x8c, 0x8d, 0xa7);

  private static final Set<Integer> GOLDEN_COVE =
      Set.of(0x97, 0x9a, 0xb7, 0xba, 0xbf, 0x8f, 0xcf, 0xad, 0xae, 0xaa, 0xac);

  private static final Set<Integer> LION_COVE = Set.of(0xbd, 0xc5, 0xc6, 0xb5);

  private static final Set<Integer> ATOM =
      Set.of(
          0x37, 0x4a, 0x4d, 0x5a, 0x5d, 0x75, 0x4c, 0x5c, 0x5f, 0x7a, 0x86, 0x96, 0x9c, 0xbe, 0xaf,
          0xb6);

  private final String words;
  private final long config;
  private final long usualSkid;

  Microarchitecture(String words, long config, long usualSkid) {
    this.words = words;
    this.config = config;
    this.usualSkid = usualSkid;
  }

  /** For people. */
  public String words() {
    return words;
  }

  /** The event of retired conditional branches; on {@link #AMD_15H} what comes nearest. */
  public long config() {
    return config;
  }

  /** Branches that overflows are known to come late, at most (on Zen not strictly). */
  public long usualSkid() {
    return usualSkid;
  }

  /** Whether the event counts conditional branches, as {@code BranchSemantics.CONDITIONAL} has them. */
  public boolean countsConditional() {
    return this != AMD_15H;
  }

  /** What a CPU is; of a hybrid one, its P-cores. Empty if it is not in the table. */
  public static Optional<Microarchitecture> of(CpuIdentity cpu) {
    return switch (cpu.vendor()) {
      case "GenuineIntel" -> cpu.family() == 6 ? intel(cpu.model()) : Optional.empty();
      case "AuthenticAMD" ->
          switch (cpu.family()) {
            case 0x15 -> Optional.of(AMD_15H);
            case 0x17, 0x19, 0x1a -> Optional.of(AMD_ZEN);
            default -> Optional.empty();
          };
      case "HygonGenuine" -> cpu.family() == 0x18 ? Optional.of(AMD_ZEN) : Optional.empty();
      default -> Optional.empty();
    };
  }

  private static Optional<Microarchitecture> intel(int model) {
    if (CORE.contains(model)) {
      return Optional.of(INTEL_CORE);
    }
    if (ICE_LAKE.contains(model)) {
      return Optional.of(INTEL_ICE_LAKE);
    }
    if (GOLDEN_COVE.contains(model)) {
      return Optional.of(INTEL_GOLDEN_COVE);
    }
    if (LION_COVE.contains(model)) {
      return Optional.of(INTEL_LION_COVE);
    }
    return ATOM.contains(model) ? Optional.of(INTEL_ATOM) : Optional.empty();
  }
}
