package dev.lockstep.vmm.disk;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Any file beside an image is a marker, which comes back when it is written again, or is refused as {@link VmmException}. */
class DiskMarkerFuzzTest {
  @TempDir Path folder = Path.of("unset");

  static Stream<byte[]> seeds() {
    return Stream.of("live", "in-sync", "stale", "IN_SYNC")
        .map(state -> "lockstep-disk-marker 1\nvm=web\nepoch=7\nstate=%s\n".formatted(state))
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aMarkerOrRefused(byte[] data) throws IOException {
    Path image = folder.resolve("image");
    Files.write(DiskMarker.fileOf(image), data);
    Optional<DiskMarker> marker;
    try {
      marker = DiskMarker.read(image);
    } catch (VmmException e) {
      assertThat(e.advice()).isNotBlank();
      return;
    }
    assertThat(marker).isPresent();
    marker.get().write(image);
    assertThat(DiskMarker.read(image)).isEqualTo(marker);
  }
}
