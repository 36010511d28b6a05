package dev.lockstep.counting.host;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Which CPU it is.
 *
 * @param vendor CPUID leaf 0, twelve characters
 * @param family display family
 * @param model display model
 * @param stepping stepping
 * @param microcode its revision as the kernel prints it, or "unknown"
 * @param inVirtualMachine CPUID leaf 1, ECX bit 31
 */
public record CpuIdentity(
    String vendor,
    int family,
    int model,
    int stepping,
    String microcode,
    boolean inVirtualMachine) {
  private static final int EXTENDED_FAMILY = 0xf;
  private static final int INTEL_EXTENDED_MODEL = 6;

  /**
   * Decodes CPUID leaf 1, EAX (Intel SDM vol. 2A, CPUID, figure 3-6; AMD APM vol. 3 appendix E.3.2).
   *
   * @param ecx of the same leaf
   */
  public static CpuIdentity ofSignature(String vendor, int eax, int ecx) {
    int family = eax >> 8 & 0xf;
    int model = eax >> 4 & 0xf;
    if (family == INTEL_EXTENDED_MODEL || family == EXTENDED_FAMILY) {
      model |= eax >> 12 & 0xf0;
    }
    if (family == EXTENDED_FAMILY) {
      family += eax >> 20 & 0xff;
    }
    return new CpuIdentity(vendor, family, model, eax & 0xf, "unknown", ecx < 0);
  }

  /**
   * The first processor of a /proc/cpuinfo; empty if a field that is needed is missing or no number.
   */
  public static Optional<CpuIdentity> ofCpuinfo(String cpuinfo) {
    Map<String, String> fields = new HashMap<>();
    for (String line : cpuinfo.split("\n")) {
      int colon = line.indexOf(':');
      if (line.isBlank() && !fields.isEmpty()) {
        break;
      }
      if (colon > 0) {
        fields.put(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
      }
    }
    String vendor = fields.get("vendor_id");
    if (vendor == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new CpuIdentity(
              vendor,
              Integer.parseInt(fields.getOrDefault("cpu family", "")),
              Integer.parseInt(fields.getOrDefault("model", "")),
              Integer.parseInt(fields.getOrDefault("stepping", "")),
              fields.getOrDefault("microcode", "unknown"),
              (" " + fields.getOrDefault("flags", "") + " ").contains(" hypervisor ")));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /** One line, with what a calibration depends on. */
  public String line() {
    return "%s family %d model %d stepping %d, microcode %s"
        .formatted(vendor, family, model, stepping, microcode);
  }
}
