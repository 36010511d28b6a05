package dev.lockstep.cli.doctor;

import dev.lockstep.kvm.net.TapDevice;
import dev.lockstep.kvm.preflight.DeviceAccess;
import dev.lockstep.kvm.preflight.Preflight;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Ways for a guest's network. */
final class NetworkCheck {
  private NetworkCheck() {}

  static Finding tap() {
    DeviceAccess access = Preflight.access(TapDevice.DEVICE);
    boolean mayMake = Capability.NET_ADMIN.held();
    Finding finding =
        !access.permitted()
            ? Finding.of(
                    "tap",
                    "tap",
                    Verdict.MISSING,
                    "%s is not usable".formatted(TapDevice.DEVICE),
                    "A guest cannot be put on the host's network by a tap device.")
                .advise(access.advice())
            : mayMake
                ? Finding.of(
                    "tap",
                    "tap",
                    Verdict.OK,
                    "can be made",
                    "A guest can be put on the host's network.")
                : Finding.of(
                        "tap",
                        "tap",
                        Verdict.LIMITED,
                        "only those that an administrator made for this user",
                        "A guest can be put on the host's network by a device made beforehand.")
                    .advise("As root: ip tuntap add dev NAME mode tap user USER.");
    return finding.with("permitted", access.permitted()).with("net_admin", mayMake);
  }

  static Finding passt(@Nullable String path) {
    Optional<Path> found =
        Arrays.stream((path == null ? "" : path).split(File.pathSeparator))
            .filter(folder -> !folder.isEmpty())
            .map(folder -> Path.of(folder, "passt"))
            .filter(Files::isExecutable)
            .findFirst();
    return found
        .map(program ->
            Finding.of(
                "passt",
                "passt",
                Verdict.OK,
                program.toString(),
                "A guest can have a network without any right on the host."))
        .orElseGet(() ->
            Finding.of(
                    "passt",
                    "passt",
                    Verdict.MISSING,
                    "not on the PATH",
                    "A guest's network needs a tap device.")
                .advise("Install the package passt."))
        .with("found", found.isPresent());
  }
}
