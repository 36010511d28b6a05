package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuidLeaf;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The frozen {@link CpuModel} as KVM_SET_CPUID2 takes it, and whether the host can give it. */
final class KvmCpuid {
  private static final int FEATURES = 1;
  private static final int EXTENDED_FEATURES = 0x80000001;

  /** Features that a model may promise, by leaf, register and bit (Intel SDM vol. 2A, CPUID; AMD APM vol. 3 appendix E). */
  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("0x1 EDX bit 0", "FPU"),
          Map.entry("0x1 EDX bit 2", "DE"),
          Map.entry("0x1 EDX bit 3", "PSE"),
          Map.entry("0x1 EDX bit 4", "TSC"),
          Map.entry("0x1 EDX bit 5", "MSR"),
          Map.entry("0x1 EDX bit 6", "PAE"),
          Map.entry("0x1 EDX bit 8", "CX8"),
          Map.entry("0x1 EDX bit 11", "SEP"),
          Map.entry("0x1 EDX bit 13", "PGE"),
          Map.entry("0x1 EDX bit 15", "CMOV"),
          Map.entry("0x1 EDX bit 16", "PAT"),
          Map.entry("0x1 EDX bit 17", "PSE36"),
          Map.entry("0x1 EDX bit 19", "CLFSH"),
          Map.entry("0x1 EDX bit 23", "MMX"),
          Map.entry("0x1 EDX bit 24", "FXSR"),
          Map.entry("0x1 EDX bit 25", "SSE"),
          Map.entry("0x1 EDX bit 26", "SSE2"),
          Map.entry("0x80000001 EDX bit 11", "SYSCALL"),
          Map.entry("0x80000001 EDX bit 20", "NX"),
          Map.entry("0x80000001 EDX bit 26", "1 GiB pages"),
          Map.entry("0x80000001 EDX bit 29", "LM"),
          Map.entry("0x80000001 ECX bit 0", "LAHF64"));

  private KvmCpuid() {}

  /** The model's leaves. */
  static List<CpuidEntry> entries(CpuModel model) {
    List<CpuidEntry> entries = new ArrayList<>();
    for (CpuidLeaf leaf : model.leaves()) {
      boolean indexed = leaf.index() != -1;
      entries.add(
          new CpuidEntry(
              leaf.function(),
              indexed ? leaf.index() : 0,
              indexed ? LinuxKvm.KVM_CPUID_FLAG_SIGNIFCANT_INDEX() : 0,
              leaf.eax(),
              leaf.ebx(),
              leaf.ecx(),
              leaf.edx()));
    }
    return entries;
  }

  /** The model as a guest finds it where KVM adds features of its own: it will use RDTSC, which hardware always executes. */
  static CpuModel withTimeStampCounter(CpuModel model) {
    List<CpuidLeaf> leaves = new ArrayList<>();
    for (CpuidLeaf leaf : model.leaves()) {
      leaves.add(
          leaf.function() == FEATURES
              ? new CpuidLeaf(
                  leaf.function(),
                  leaf.index(),
                  leaf.eax(),
                  leaf.ebx(),
                  leaf.ecx(),
                  leaf.edx() | CpuModel.FEATURE_TSC)
              : leaf);
    }
    return new CpuModel(model.name(), leaves, model.physicalAddressBits());
  }

  /**
   * Refuses a model that promises what the host does not have.
   *
   * @param host what KVM_GET_SUPPORTED_CPUID said
   * @throws VmmException naming the features
   */
  static void require(CpuModel model, List<CpuidEntry> host) {
    if (model.hasTsc()) {
      throw new VmmException(
          "CPU model "
              + model.name()
              + " has a virtual time-stamp counter, which KVM cannot give: RDTSC does not exit",
          "Use --cpu-model lockstep-v1, or --engine soft.");
    }
    List<String> missing = new ArrayList<>();
    for (int function : new int[] {FEATURES, EXTENDED_FEATURES}) {
      CpuidLeaf wanted = model.cpuid(function, 0);
      int ecx = 0;
      int edx = 0;
      for (CpuidEntry entry : host) {
        if (entry.function() == function) {
          ecx |= entry.ecx();
          edx |= entry.edx();
        }
      }
      name(missing, function, "ECX", wanted.ecx() & ~ecx);
      name(missing, function, "EDX", wanted.edx() & ~edx);
    }
    if (!missing.isEmpty()) {
      throw new VmmException(
          "this host's KVM cannot give CPU model "
              + model.name()
              + ": CPUID lacks "
              + String.join(", ", missing),
          "Run the guest on another host, or use --engine soft.");
    }
  }

  private static void name(List<String> missing, int function, String register, int bits) {
    for (int bit = 0; bit < 32; bit++) {
      if ((bits & 1 << bit) != 0) {
        String where = "%#x %s bit %d".formatted(function, register, bit);
        String feature = NAMES.get(where);
        missing.add(feature == null ? where : feature + " (" + where + ")");
      }
    }
  }
}
