package dev.lockstep.ft.arbiter;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * An arbiter in a folder that both replicas see: a local one for two processes of one host, a network file system's for two hosts.
 *
 * <p>A name is a file. Its content is written to a file of its own first, synced, and then given the name by a hard link, which the file system refuses if the name is there: so a name never has half a
 * value, and two claims at once have one winner. Where links are not supported the name is created exclusively and a reader waits for the content's last line.
 */
public final class SharedPathArbiter implements Arbiter {
  private static final Set<StandardOpenOption> NEW =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  private static final FileAttribute<?> MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path folder;

  /**
   * @param folder created if it is not there
   * @throws VmmException if it cannot be created or written
   */
  public SharedPathArbiter(Path folder) {
    this.folder = folder;
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new VmmException(
          "the arbiter's folder '%s' cannot be created: %s".formatted(folder, reason(e)),
          "Give a folder that both replicas can write, by --arbiter.",
          e);
    }
    if (!Files.isWritable(folder)) {
      throw new VmmException(
          "the arbiter's folder '%s' cannot be written".formatted(folder),
          "Change its permissions, or give another by --arbiter.");
    }
  }

  @Override
  public ReplicaInstance claim(DecisionName name, ReplicaInstance claimant)
      throws ArbiterUnavailableException {
    Path file = folder.resolve(fileName(name));
    try {
      if (!Files.exists(file)) {
        create(file, DecisionText.of(claimant));
      }
      return read(file);
    } catch (IOException e) {
      throw new ArbiterUnavailableException(
          "'%s' does not answer: %s".formatted(file, reason(e)), e);
    }
  }

  @Override
  public void publish(String key, long nonce) throws ArbiterUnavailableException {
    Path file = folder.resolve("join-" + DecisionText.encode(key));
    Path draft = draft(file);
    try {
      write(draft, DecisionText.of(nonce));
      Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      discard(draft, e);
      throw new ArbiterUnavailableException(
          "'%s' cannot be written: %s".formatted(file, reason(e)), e);
    }
  }

  @Override
  public boolean shows(String key, long nonce) throws ArbiterUnavailableException {
    Path file = folder.resolve("join-" + DecisionText.encode(key));
    try {
      return bounded(file).equals(DecisionText.of(nonce));
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      throw new ArbiterUnavailableException(
          "'%s' cannot be read: %s".formatted(file, reason(e)), e);
    }
  }

  @Override
  public String describe() {
    return "shared path " + folder;
  }

  /** Gives a content a name, unless somebody was first; returns either way. */
  private void create(Path file, String content) throws IOException {
    Path draft = draft(file);
    try {
      write(draft, content);
      Files.createLink(file, draft);
    } catch (FileAlreadyExistsException e) {
      return;
    } catch (UnsupportedOperationException e) {
      createExclusively(file, content);
    } finally {
      Files.deleteIfExists(draft);
    }
    syncFolder();
  }

  private void createExclusively(Path file, String content) throws IOException {
    try (FileChannel channel = FileChannel.open(file, NEW, MODE)) {
      try {
        writeAll(channel, content);
      } catch (IOException e) {
        // Half a decision decides nothing, and nobody could ever make it whole.
        discard(file, e);
        throw e;
      }
      channel.force(true);
    } catch (FileAlreadyExistsException e) {
      // Somebody was first.
    }
  }

  private static void discard(Path file, IOException failure) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  private static void writeAll(FileChannel channel, String content) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private Path draft(Path file) {
    return folder.resolve(
        ".draft-%016x-%s".formatted(ThreadLocalRandom.current().nextLong(), file.getFileName()));
  }

  private static void write(Path file, String content) throws IOException {
    try (FileChannel channel = FileChannel.open(file, NEW, MODE)) {
      writeAll(channel, content);
      channel.force(true);
    }
  }

  /** The name itself must survive a crash of the host, not only its content. */
  private void syncFolder() throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static ReplicaInstance read(Path file) throws IOException {
    return DecisionText.parse(bounded(file))
        .orElseThrow(
            () -> new IOException("its content is not a decision (or not all of it is there yet)"));
  }

  private static String bounded(Path file) throws IOException {
    if (Files.size(file) > DecisionText.MAX_BYTES) {
      throw new IOException("it is larger than any decision");
    }
    return Files.readString(file);
  }

  /** A file name that no two decisions share, whatever the VM's name contains. */
  private static String fileName(DecisionName name) {
    return "epoch-%s-%016x-%d"
        .formatted(DecisionText.encode(name.vm().name()), name.vm().incarnation(), name.epoch());
  }

  private static String reason(IOException e) {
    return Optional.ofNullable(e.getMessage()).orElse(e.getClass().getSimpleName());
  }
}
