package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real launcher in a checkout made of what is tested, with its AOT cache in every state: whatever that is, the command says what it says without. */
final class LauncherTest {
  private static final Path CHECKOUT = Path.of("..").toAbsolutePath().normalize();

  @TempDir static Path home = Path.of("");
  private static byte[] good = {};
  private static String plain = "";

  private Path cache = Path.of("");

  /** What came of a launch. */
  private record Launched(int status, String out, String err) {}

  @BeforeAll
  static void checkout() throws Exception {
    Path lib = Files.createDirectories(home.resolve("cli/target/lib"));
    int number = 0;
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Path path = Path.of(entry).toAbsolutePath();
      Path jar = lib.resolve("%03d.jar".formatted(number++));
      if (Files.isRegularFile(path)) {
        Files.createSymbolicLink(jar, path);
      } else if (Files.isDirectory(path) && !path.endsWith("test-classes")) {
        run(List.of(tool("jar"), "-c", "-f", jar.toString(), "-C", entry, "."), Map.of());
      }
    }
    Files.copy(
        CHECKOUT.resolve("lockstep"), home.resolve("lockstep"), StandardCopyOption.COPY_ATTRIBUTES);
    Files.createSymbolicLink(home.resolve("scripts"), CHECKOUT.resolve("scripts"));
    Files.createFile(home.resolve("pom.xml"));
    Files.createFile(home.resolve("cli/pom.xml"));
    Files.createDirectory(home.resolve("cli/src"));
    Files.createFile(home.resolve("cli/target/.built"));
    plain = launch(Map.of("LOCKSTEP_START", "plain"), "help", "run").out();
    assertThat(plain).contains("Usage: lockstep run ");
    Path trained = home.resolve("trained.aot");
    // The smallest rehearsal.
    Launched training =
        launch(
            Map.of(
                "LOCKSTEP_START",
                "plain",
                "LOCKSTEP_JAVA_OPTIONS",
                "-XX:AOTCacheOutput=" + trained),
            "help",
            "run");
    assertThat(trained).as(training.out() + training.err()).isNotEmptyFile();
    good = Files.readAllBytes(trained);
  }

  @BeforeEach
  void without() throws Exception {
    cache = find("run");
    assertThat(cache.getParent()).isEqualTo(home.resolve(".cache/start"));
    Files.createDirectories(cache.getParent());
    try (Stream<Path> old = Files.list(cache.getParent())) {
      for (Path file : old.toList()) {
        Files.delete(file);
      }
    }
  }

  @Test
  void usesTheCacheSilently() throws Exception {
    Files.write(cache, good);
    Path log = home.resolve("classes.log");
    Launched launched =
        launch(Map.of("LOCKSTEP_JAVA_OPTIONS", "-Xlog:class+load:file=" + log), "help", "run");
    assertThat(launched).isEqualTo(new Launched(0, plain, ""));
    assertThat(Files.readAllLines(log))
        .anyMatch(line -> line.contains(" dev.lockstep.cli.Lockstep source: shared objects file"));
  }

  @Test
  void doesWithoutOneThatIsMissingCutBrokenOrOfOtherJars() throws Exception {
    assertThat(launch(Map.of(), "help", "run")).isEqualTo(new Launched(0, plain, ""));
    Files.write(cache, Arrays.copyOf(good, good.length / 2));
    assertThat(launch(Map.of(), "help", "run")).isEqualTo(new Launched(0, plain, ""));
    Files.writeString(cache, "no cache at all\n".repeat(1000));
    assertThat(launch(Map.of(), "help", "run")).isEqualTo(new Launched(0, plain, ""));
    byte[] damaged = good.clone();
    Arrays.fill(damaged, 0, 4096, (byte) 0x5a);
    Files.write(cache, damaged);
    assertThat(launch(Map.of(), "help", "run")).isEqualTo(new Launched(0, plain, ""));
    Files.write(cache, good);
    // Another collector's archived objects are of no use, nor a cache beside the user's own.
    assertThat(launch(Map.of("LOCKSTEP_JAVA_OPTIONS", "-XX:-UseCompressedOops"), "help", "run"))
        .isEqualTo(new Launched(0, plain, ""));
    assertThat(launch(Map.of("LOCKSTEP_JAVA_OPTIONS", "-Xshare:off"), "help", "run"))
        .isEqualTo(new Launched(0, plain, ""));
    Path jar = home.resolve("cli/target/lib/zzz.jar");
    Files.copy(home.resolve("cli/target/lib/001.jar"), jar);
    Launched first = launch(Map.of(), "help", "run");
    Files.delete(jar);
    assertThat(first).isEqualTo(new Launched(0, plain, ""));
  }

  @Test
  void namesAnotherOneAfterABuild() throws Exception {
    Path before = cache;
    Files.delete(home.resolve("cli/target/lib.digest"));
    without();
    assertThat(cache).as("the same jars").isEqualTo(before);
    Path lib = home.resolve("cli/target/lib");
    Path digest = home.resolve("cli/target/lib.digest");
    Path jar = lib.resolve("zzz.jar");
    Files.copy(lib.resolve("001.jar"), jar);
    // Within one tick of the file system's clock, which is what a fast machine does.
    Files.setLastModifiedTime(jar, Files.getLastModifiedTime(digest));
    Files.setLastModifiedTime(lib, Files.getLastModifiedTime(digest));
    without();
    assertThat(cache).as("one jar more").isNotEqualTo(before);
    Files.delete(jar);
    Files.setLastModifiedTime(lib, Files.getLastModifiedTime(digest));
    without();
    assertThat(cache).as("as before").isEqualTo(before);
  }

  @Test
  void theDoctorTellsOfIt() throws Exception {
    assertThat(launch(Map.of(), "doctor").out()).contains("not trained yet: " + cache);
    Files.write(cache, good);
    assertThat(launch(Map.of(), "doctor").out())
        .containsPattern("start cache +ok +\\d+ MiB in .* takes .* with it and .* without");
    Files.write(cache, Arrays.copyOf(good, good.length / 2));
    assertThat(launch(Map.of(), "doctor").out())
        .containsPattern("start cache +limited +passed over: The AOT cache has been truncated");
    Files.delete(cache);
    Files.writeString(cache.resolveSibling(cache.getFileName() + ".failed"), "no room\n");
    assertThat(launch(Map.of(), "doctor").out()).contains("its training failed: no room");
  }

  @Test
  void commandsOfPairsAndControlPortsHaveACacheOfTheirOwn() throws Exception {
    Path pairs = Path.of(cache.toString().replace("-alone.aot", "-pair.aot"));
    assertThat(find("run")).isEqualTo(cache);
    assertThat(find("run", "--control", "x")).isEqualTo(pairs);
    assertThat(find("backup", "--peer", "x")).isEqualTo(pairs);
    assertThat(find("ctl", "list")).isEqualTo(pairs);
    Files.write(pairs, good);
    assertThat(launch(Map.of(), "doctor").out()).contains("not trained yet: " + cache);
  }

  @Test
  void aTrainingThatFailsIsToldAndLeavesNothingElse() throws Exception {
    Launched trained = train(home.resolve("nothing.jar").toString());
    assertThat(trained.status()).isEqualTo(1);
    assertThat(cache).doesNotExist();
    Path failed = cache.resolveSibling(cache.getFileName() + ".failed");
    assertThat(failed).content().contains("Rehearsal");
    assertThat(kept()).containsExactlyInAnyOrder(".lock", failed.getFileName().toString());
    assertThat(train("anything").status()).as("it is not tried again").isZero();
  }

  @Test
  @Tag("long")
  void trainsOnceAndKeepsFew() throws Exception {
    Path guest = CHECKOUT.resolve(".cache/guest");
    assumeTrue(
        Files.exists(guest.resolve("complete")),
        "SKIPPED: no guest image in %s; make it by scripts/guest-image".formatted(guest));
    Files.createSymbolicLink(home.resolve(".cache/guest"), guest);
    List<String> jars = new ArrayList<>();
    try (Stream<Path> files = Files.list(home.resolve("cli/target/lib"))) {
      files.map(Path::toString).filter(name -> name.endsWith(".jar")).sorted().forEach(jars::add);
    }
    for (int i = 0; i < 5; i++) {
      Files.writeString(cache.resolveSibling("old" + i + "-alone.aot"), "old");
    }
    Files.writeString(cache.resolveSibling("of-an-earlier-release.aot"), "old");
    Path other = Files.writeString(cache.resolveSibling("another-pair.aot"), "old");
    String classPath = String.join(":", jars);
    Process second = new ProcessBuilder(trainer(classPath)).redirectErrorStream(true).start();
    Launched first = train(classPath);
    second.waitFor();
    assertThat(cache).as(first.out() + first.err()).isNotEmptyFile();
    assertThat(kept())
        .hasSize(5)
        .contains(".lock", cache.getFileName().toString(), other.getFileName().toString());
    assertThat(launch(Map.of(), "doctor").out()).containsPattern("start cache +ok ");
  }

  /** Where the launcher looks for a command's cache. */
  private static Path find(String... command) throws Exception {
    String line = "here=%s; . scripts/find-jdk; . scripts/start-cache; ".formatted(home);
    String find = "lockstep_find_start_cache $here/cli/target/lib \"$@\"; ";
    List<String> words =
        new ArrayList<>(List.of("bash", "-c", line + find + "echo $lockstep_start_cache", "bash"));
    words.addAll(List.of(command));
    return Path.of(run(words, Map.of()).out().strip());
  }

  private List<String> kept() throws IOException {
    try (Stream<Path> files = Files.list(cache.getParent())) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  private Launched train(String classPath) throws Exception {
    return run(trainer(classPath), Map.of());
  }

  private List<String> trainer(String classPath) {
    return List.of(
        "env",
        "JAVA_HOME=" + System.getProperty("java.home"),
        home.resolve("scripts/train-start-cache").toString(),
        cache.toString(),
        classPath);
  }

  private static Launched launch(Map<String, String> environment, String... arguments)
      throws Exception {
    List<String> words = new ArrayList<>(List.of(home.resolve("lockstep").toString()));
    words.addAll(List.of(arguments));
    return run(words, environment);
  }

  private static Launched run(List<String> words, Map<String, String> environment)
      throws Exception {
    Path out = Files.createTempFile(home, "out", ".txt");
    Path err = Files.createTempFile(home, "err", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(words)
            .directory(CHECKOUT.toFile())
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("LOCKSTEP_"));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().putAll(environment);
    int status = builder.start().waitFor();
    return new Launched(
        status,
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  private static String tool(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }
}
