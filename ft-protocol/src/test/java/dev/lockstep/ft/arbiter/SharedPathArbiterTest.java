package dev.lockstep.ft.arbiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.vmm.disk.SmallFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract, and what can become of a folder. */
final class SharedPathArbiterTest extends ArbiterContract {
  @TempDir private Path folder;
  @TempDir private Path apart;

  @Override
  Arbiter another() {
    return new SharedPathArbiter(folder);
  }

  @Override
  Arbiter elsewhere() {
    return new SharedPathArbiter(apart);
  }

  @AfterEach
  void noDraftIsLeftBehind() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.filter(file -> file.getFileName().toString().startsWith(".draft")))
          .isEmpty();
    }
  }

  @Test
  void aDamagedDecisionIsNoDecision() throws Exception {
    Arbiter arbiter = new SharedPathArbiter(folder);
    DecisionName name = new DecisionName(VM, 7);
    arbiter.claim(name, A);
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.writeString(file, Files.readString(file).substring(0, 25));
      }
    }
    assertThatThrownBy(() -> arbiter.claim(name, B))
        .isInstanceOf(ArbiterUnavailableException.class);
  }

  @Test
  void aFolderThatCannotBeMadeIsRefused() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> new SharedPathArbiter(file.resolve("below")))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("below");
  }

  @Test
  void aFullFolderDecidesNothingUntilThereIsRoom() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), 64 << 10)) {
      Arbiter arbiter = new SharedPathArbiter(small.root());
      DecisionName name = new DecisionName(VM, 1);
      small.fill();
      for (int i = 0; i < 3; i++) {
        assertThatThrownBy(() -> arbiter.claim(name, A))
            .isInstanceOf(ArbiterUnavailableException.class)
            .hasMessageContaining("No space left on device");
        assertThatThrownBy(() -> arbiter.publish("key", 1))
            .isInstanceOf(ArbiterUnavailableException.class)
            .hasMessageContaining("No space left on device");
      }
      assertThat(names(small.root())).as("what was begun is removed").containsExactly("filler");
      small.free();
      assertThat(arbiter.claim(name, B)).isEqualTo(B);
      assertThat(arbiter.claim(name, A)).as("as it was decided").isEqualTo(B);
    }
  }

  @Test
  void aReadOnlyFolderDecidesNothingAndShowsWhatIsDecided() throws Exception {
    try (SmallFileSystem small = SmallFileSystem.mount(folder.resolve("small"), 64 << 10)) {
      Arbiter arbiter = new SharedPathArbiter(small.root());
      arbiter.claim(new DecisionName(VM, 1), A);
      small.makeReadOnly();
      assertThat(arbiter.claim(new DecisionName(VM, 1), B)).isEqualTo(A);
      assertThatThrownBy(() -> arbiter.claim(new DecisionName(VM, 2), B))
          .isInstanceOf(ArbiterUnavailableException.class)
          .hasMessageContaining("Read-only file system");
      small.makeWritable();
      assertThat(arbiter.claim(new DecisionName(VM, 2), B)).isEqualTo(B);
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void aFolderThatVanishedDecidesNothing() throws Exception {
    Path gone = Files.createDirectory(folder.resolve("gone"));
    Arbiter arbiter = new SharedPathArbiter(gone);
    Files.delete(gone);
    assertThatThrownBy(() -> arbiter.claim(new DecisionName(VM, 1), A))
        .isInstanceOf(ArbiterUnavailableException.class);
  }
}
