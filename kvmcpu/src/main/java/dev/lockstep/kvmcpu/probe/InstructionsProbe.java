package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.util.ArrayList;
import java.util.List;

/** Which instructions of ring 0 KVM refuses: those that its emulator lacks, on hosts where ring 0 is emulated. */
final class InstructionsProbe implements HostProbe {
  private record Candidate(String name, int... code) {}

  /** CR4.OSXSAVE. */
  private static final long OS_XSAVE = 1 << 18;

  /** MXCSR after reset (Intel SDM vol. 3A table 9-1). */
  private static final int[] MXCSR = {0x80, 0x1f, 0, 0};

  @Override
  public String id() {
    return "instructions";
  }

  @Override
  public String what() {
    return "ring 0 instructions";
  }

  @Override
  public Finding run(ProbeContext context) {
    List<String> refused = new ArrayList<>();
    List<Candidate> candidates = candidates();
    for (Candidate candidate : candidates) {
      ProbeGuest guest =
          context.guest(Ring.KERNEL, Code.join(candidate.code(), Code.end(Ring.KERNEL)));
      guest.write(ProbeGuest.DATA, candidate.name().equals("xrstor") ? new int[] {} : MXCSR);
      if (candidate.name().startsWith("x")) {
        try {
          guest.addCr4(OS_XSAVE);
        } catch (KvmException e) {
          // A host without XSAVE: it is no part of the CPU models.
          continue;
        }
      }
      // #UD is an answer: the host has no such instruction, and says so to the guest.
      if (guest.run() == LinuxKvm.KVM_EXIT_INTERNAL_ERROR()) {
        refused.add(candidate.name());
      }
      guest.close();
    }
    Finding finding =
        refused.isEmpty()
            ? Finding.of(
                id(),
                what(),
                Verdict.OK,
                "none of %d asked for is refused".formatted(candidates.size()),
                "Kernels run without help.")
            : Finding.of(
                id(),
                what(),
                Verdict.LIMITED,
                "refused: " + String.join(" ", refused),
                "The software CPU executes these for KVM; the run's statistics count them.");
    return finding.with("refused", List.copyOf(refused));
  }

  private static Candidate onData(String name, int... opcode) {
    return new Candidate(name, Code.join(opcode, Code.dataAddress()));
  }

  private static Candidate plain(String name, int... code) {
    return new Candidate(name, code);
  }

  private static List<Candidate> candidates() {
    return List.of(
        plain("int3", 0xcc),
        plain("int", 0xcd, 0x80),
        plain("rdtscp", 0x0f, 0x01, 0xf9),
        onData("cmpxchg16b", 0x48, 0x0f, 0xc7, 0x0c, 0x25),
        onData("xsave", 0x48, 0x0f, 0xae, 0x24, 0x25),
        onData("xrstor", 0x48, 0x0f, 0xae, 0x2c, 0x25),
        plain("xgetbv", 0x0f, 0x01, 0xd0),
        onData("ldmxcsr", 0x0f, 0xae, 0x14, 0x25),
        onData("stmxcsr", 0x0f, 0xae, 0x1c, 0x25),
        plain("popcnt", 0xf3, 0x0f, 0xb8, 0xc0),
        plain("crc32", 0xf2, 0x0f, 0x38, 0xf1, 0xc0),
        plain("stac", 0x0f, 0x01, 0xcb),
        plain("clac", 0x0f, 0x01, 0xca),
        plain("addps", 0x0f, 0x58, 0xc0),
        onData("invpcid", 0x66, 0x0f, 0x38, 0x82, 0x04, 0x25),
        onData("fxsave", 0x48, 0x0f, 0xae, 0x04, 0x25),
        onData("movdqu", 0xf3, 0x0f, 0x6f, 0x04, 0x25),
        plain("swapgs", 0x0f, 0x01, 0xf8),
        plain("cpuid", 0x0f, 0xa2));
  }
}
