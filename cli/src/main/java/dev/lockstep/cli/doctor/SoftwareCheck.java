package dev.lockstep.cli.doctor;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.preflight.Preflight;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.vmm.config.HostTranslator;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Lockstep itself stands on. */
final class SoftwareCheck {
  private SoftwareCheck() {}

  static Finding jdk() {
    String vm = System.getProperty("java.vm.name", "unknown");
    String found =
        "%s %s, kernel %s, %s"
            .formatted(vm, Runtime.version(), Preflight.kernelRelease(), Preflight.architecture());
    boolean hotSpot = vm.contains("HotSpot") || vm.contains("OpenJDK");
    Finding finding =
        hotSpot
            ? Finding.of(
                "jdk", "JDK", Verdict.OK, found, "Lockstep is built for and tested on this JVM.")
            : Finding.of(
                    "jdk",
                    "JDK",
                    Verdict.LIMITED,
                    found,
                    "Lockstep is tested on HotSpot; here it may be slow.")
                .advise("Use an OpenJDK of version 25 or newer.");
    return finding
        .with("version", Runtime.version().toString())
        .with("vm", vm)
        .with("kernel", Preflight.kernelRelease());
  }

  /** What commands do that are not given {@code --translator}. */
  static Finding translator() {
    boolean said = System.getProperty(HostTranslator.PROPERTY) != null;
    try {
      String word = HostTranslator.word();
      return Finding.of(
              "translator",
              "translator",
              Verdict.OK,
              word + (said ? ", by the system property " + HostTranslator.PROPERTY : ""),
              consequence(word))
          .with("mode", word)
          .with("host_code", HostTranslator.makesHostCode());
    } catch (VmmException e) {
      return Finding.of(
              "translator",
              "translator",
              Verdict.LIMITED,
              String.valueOf(e.getMessage()),
              "No machine on soft starts without --translator.")
          .advise(e.advice());
    }
  }

  private static String consequence(String word) {
    if (word.equals("off")) {
      return "soft interprets everything, unless a command is given --translator on.";
    }
    boolean host = HostTranslator.makesHostCode() && !word.startsWith("bytecode");
    return host
        ? "soft translates hot code into code of this processor, unless a command is given --translator off."
        : HostTranslator.makesHostCode()
            ? "soft translates hot code into bytecode, though this host could execute code of its own."
            : "soft translates hot code into bytecode: this host does not execute code that is made for it.";
  }

  static Finding guestImage(Path folder) {
    boolean made = Files.exists(folder.resolve("complete"));
    Finding finding =
        made
            ? Finding.of(
                "guest_image",
                "guest image",
                Verdict.OK,
                "in " + folder,
                "run and demo start at once.")
            : Finding.of(
                    "guest_image",
                    "guest image",
                    Verdict.LIMITED,
                    "not made yet: " + folder,
                    "The first run or demo without a kernel of yours makes it, by apt-get over the network.")
                .advise("Run scripts/guest-image, or give --kernel and --initrd.");
    return finding.with("folder", folder.toString()).with("made", made);
  }
}
