package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A stack of the vCPU's thread is told by what lies on it; and no class of the package is forgotten. */
final class WorkKindTest {
  private static final String PACKAGE = "dev.lockstep.softcpu.";

  /** What holds figures and is never executed by a vCPU. */
  private static final Set<String> FIGURES = Set.of("ExecutionProfile", "WorkKind");

  private static Optional<WorkKind> of(String... frames) {
    return WorkKind.of(
        Arrays.stream(frames)
            .map(frame -> {
              int dot = frame.lastIndexOf('.');
              return new StackTraceElement(
                  frame.substring(0, dot), frame.substring(dot + 1), null, -1);
            })
            .toList());
  }

  @Test
  void theInnermostMethodOfOursSaysIt() {
    String loop = PACKAGE + "Interpreter.blocks";
    assertThat(of(loop)).contains(WorkKind.DISPATCH);
    assertThat(of(PACKAGE + "Interpreter.search", loop)).contains(WorkKind.LOOKUP);
    assertThat(of(PACKAGE + "ProfiledInterpreter.count", PACKAGE + "ProfiledInterpreter.blocks"))
        .contains(WorkKind.COUNTING);
    assertThat(of(PACKAGE + "AluOps64$AddRR.exec", loop)).contains(WorkKind.OPERATIONS);
    assertThat(of("jdk.internal.foreign.Layout.get", PACKAGE + "Mmu.load64", loop))
        .contains(WorkKind.MEMORY);
    assertThat(of(PACKAGE + "fp.Float80.add", PACKAGE + "X87Ops$Add.exec", loop))
        .contains(WorkKind.FLOATING_POINT);
    assertThat(of(PACKAGE + "Translated/0x00007f5ad8000400.run", loop))
        .contains(WorkKind.TRANSLATED);
    assertThat(of("java.lang.Thread.run")).isEmpty();
  }

  @Test
  void whatDecodingAndDeliveryCallIsTheirs() {
    String loop = PACKAGE + "Interpreter.blocks";
    assertThat(
            of(
                PACKAGE + "AluOps.decode",
                PACKAGE + "OpDecode.decode",
                PACKAGE + "BlockBuilder.build",
                loop))
        .contains(WorkKind.DECODING);
    assertThat(
            of(
                PACKAGE + "Mmu.store64",
                PACKAGE + "Delivery.push",
                PACKAGE + "Interrupts.exception",
                loop))
        .contains(WorkKind.SYSTEM);
  }

  @Test
  void everyClassHasAKind() throws Exception {
    Set<String> forgotten = new TreeSet<>();
    Path place =
        Path.of(WorkKind.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    if (Files.isDirectory(place)) {
      forgotten.addAll(withoutKind(place));
    } else {
      try (FileSystem jar = FileSystems.newFileSystem(place)) {
        forgotten.addAll(withoutKind(jar.getPath("/")));
      }
    }
    assertThat(forgotten).isEmpty();
  }

  private static List<String> withoutKind(Path root) throws Exception {
    try (Stream<Path> files = Files.list(root.resolve("dev/lockstep/softcpu"))) {
      List<String> names =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith(".class") && !name.contains("$"))
              .map(name -> name.substring(0, name.length() - ".class".length()))
              .filter(name -> !name.equals("package-info") && !FIGURES.contains(name))
              .toList();
      assertThat(names).hasSizeGreaterThan(100);
      return names.stream().filter(name -> WorkKind.ofClass(PACKAGE + name).isEmpty()).toList();
    }
  }
}
