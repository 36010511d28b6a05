package dev.lockstep.vmm.disk;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A real file system of a few pages, which a test can fill; where this user may not mount one, the test is skipped by name. */
public final class SmallFileSystem implements AutoCloseable {
  private static final int PAGE_BYTES = 4096;

  private final Path root;
  private final Path filler;

  private SmallFileSystem(Path root) {
    this.root = root;
    this.filler = root.resolve("filler");
  }

  /**
   * Mounts one.
   *
   * @param folder is made
   * @param bytes how much it holds
   */
  public static SmallFileSystem mount(Path folder, long bytes) throws IOException {
    Files.createDirectories(folder);
    String failure =
        run("mount", "-t", "tmpfs", "-o", "size=" + bytes, "lockstep-test", folder.toString());
    assumeTrue(
        failure == null, "SKIPPED: a file system that can be full takes root here: " + failure);
    return new SmallFileSystem(folder);
  }

  /** Where it is. */
  public Path root() {
    return root;
  }

  /** Fills it to the last page. */
  public void fill() throws IOException {
    byte[] page = new byte[PAGE_BYTES];
    Arrays.fill(page, (byte) 1);
    try (OutputStream out = Files.newOutputStream(filler)) {
      while (true) {
        out.write(page);
      }
    } catch (IOException e) {
      if (!String.valueOf(e.getMessage()).contains("No space left")) {
        throw e;
      }
    }
  }

  /** Makes room again. */
  public void free() throws IOException {
    Files.delete(filler);
  }

  /** What is zero in a file takes no room any more, and to write there does again. */
  public static void digHoles(Path file) throws IOException {
    demand("fallocate", "--dig-holes", file.toString());
  }

  /** All of a file is zeros and takes no room any more; its length stays. */
  public static void empty(Path file) throws IOException {
    String bytes = String.valueOf(Files.size(file));
    demand("fallocate", "--punch-hole", "--offset", "0", "--length", bytes, file.toString());
  }

  /** Nothing can be written there any more, though somebody may have files open. */
  public void makeReadOnly() throws IOException {
    demand("mount", "-o", "remount,ro", root.toString());
  }

  /** It can again. */
  public void makeWritable() throws IOException {
    demand("mount", "-o", "remount,rw", root.toString());
  }

  @Override
  public void close() throws IOException {
    demand("umount", "--lazy", root.toString());
  }

  private static void demand(String... command) throws IOException {
    String failure = run(command);
    if (failure != null) {
      throw new IOException(String.join(" ", command) + ": " + failure);
    }
  }

  /** What it says if it fails; null if it does not. */
  private static @Nullable String run(String... command) throws IOException {
    Process process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.onExit().join().exitValue() == 0 ? null : said.strip();
  }
}
