package dev.lockstep.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Payloads, the scripts that the guest runs for them, and the commands of those who run the guest. */
final class PayloadTest {
  private static final Path SCRIPTS = Path.of("..", "scripts");
  private static final Pattern MEASURED = Pattern.compile("(?m)^measured (\\S+) ");

  private static Path script(Payload payload) {
    return switch (payload) {
      case BUSYBOX -> SCRIPTS.resolve("guest/lockstep-bench-set");
      case DEBIAN -> SCRIPTS.resolve("debian/lockstep-debian-set");
    };
  }

  @ParameterizedTest
  @EnumSource
  void programsAreThoseOfTheGuestsScript(Payload payload) throws IOException {
    List<String> measured =
        MEASURED
            .matcher(Files.readString(script(payload)))
            .results()
            .map(it -> it.group(1))
            .toList();
    assertThat(payload.programs()).isEqualTo(measured);
    assertThat(payload.command(8)).endsWith(script(payload).getFileName() + " 8");
  }

  @ParameterizedTest
  @EnumSource
  void theScriptIsOneThatAShellReads(Payload payload) throws Exception {
    Process shell = new ProcessBuilder("sh", "-n", script(payload).toString()).inheritIO().start();
    assertThat(shell.waitFor()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void isFoundByItsLabel(Payload payload) {
    assertThat(Payload.of(payload.label())).isEqualTo(payload);
  }

  @Test
  void anotherLabelIsRefusedWithThoseThereAre() {
    assertThatThrownBy(() -> Payload.of("fedora"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no payload 'fedora': there are [busybox, debian]");
  }

  @ParameterizedTest
  @EnumSource
  void everyPeerRunsTheSameProgramFromTheSameDisk(Peer peer) {
    Path disk = Path.of("/scratch/disk");
    List<String> words =
        peer.words(Path.of("/home"), Path.of("/image"), disk, 512, Payload.DEBIAN.command(4));
    assertThat(words)
        .anyMatch(it -> it.contains("lockstep.run=\"chroot /mnt lockstep-debian-set 4\""))
        .anyMatch(it -> it.contains(disk.toString()))
        .contains("512M");
    assertThat(words.contains("-icount")).isEqualTo(peer == Peer.QEMU_ICOUNT);
  }
}
