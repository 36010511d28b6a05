package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuidLeaf;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.util.ArrayList;
import java.util.List;

/** The frozen {@link CpuModel} as KVM_SET_CPUID2 takes it, and whether the host can give it. */
final class KvmCpuid {
  private static final int FEATURES = 1;
  private static final int EXTENDED_FEATURES = 0x80000001;

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
   * @throws VmmException naming the registers and bits
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
          "this host's KVM cannot give CPU model " + model.name() + ": CPUID " + missing,
          "Run the guest on another host, or use --engine soft.");
    }
  }

  private static void name(List<String> missing, int function, String register, int bits) {
    for (int bit = 0; bit < 32; bit++) {
      if ((bits & 1 << bit) != 0) {
        missing.add("%#x %s bit %d".formatted(function, register, bit));
      }
    }
  }
}
