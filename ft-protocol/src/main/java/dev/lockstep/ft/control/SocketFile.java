package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The name of a Unix socket in the file system. A lock on a file beside it says whether its server lives, so that the socket of a dead one is replaced and that of a
 * live one is not; the lock file stays, since a lock on a file that somebody removes at the same moment would hold nobody off.
 *
 * <p>The socket is bound in a folder that only its user can enter, gets its mode there, and is then moved to its name: at no moment can anybody else connect.
 */
final class SocketFile implements AutoCloseable {
  /** Of {@code sun_path} (unix(7)), without the zero at its end. */
  private static final int MAX_PATH_BYTES = 107;

  private static final int MAX_OWNER_BYTES = 64;
  private static final String PRIVATE_PREFIX = ".ls-";
  private static final String PRIVATE_NAME = "s";

  private static final Set<PosixFilePermission> MODE = PosixFilePermissions.fromString("rw-------");
  private static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(MODE);
  private static final FileAttribute<Set<PosixFilePermission>> FOLDER_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path path;
  private final FileChannel lock;
  private final Path privateFolder;
  private boolean published;

  private SocketFile(Path path, FileChannel lock, Path privateFolder) {
    this.path = path;
    this.lock = lock;
    this.privateFolder = privateFolder;
  }

  /**
   * Takes the name.
   *
   * @throws VmmException if a live server has it, or it cannot be used
   */
  static SocketFile claim(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    Path folder = absolute.getParent();
    if (folder == null) {
      throw new VmmException("'/' is no socket", "Give a path for the control port's socket.");
    }
    // The private name is random behind its prefix, of at most 20 digits.
    int room = MAX_PATH_BYTES - PRIVATE_PREFIX.length() - 20 - 2 - PRIVATE_NAME.length();
    int longest = Math.max(bytes(absolute) - MAX_PATH_BYTES, bytes(folder) - room);
    if (longest > 0) {
      throw new VmmException(
          "the path of socket '%s' is %d bytes too long".formatted(absolute, longest),
          "Give a shorter one: the system's limit is %d bytes.".formatted(MAX_PATH_BYTES));
    }
    try {
      if (!Files.isDirectory(folder)) {
        Files.createDirectories(folder, FOLDER_MODE);
      }
      FileChannel lock = lock(absolute);
      try {
        refuseForeign(absolute);
        return new SocketFile(
            absolute, lock, Files.createTempDirectory(folder, PRIVATE_PREFIX, FOLDER_MODE));
      } catch (IOException | RuntimeException e) {
        lock.close();
        throw e;
      }
    } catch (IOException e) {
      throw new VmmException(
          "the control port's socket '%s' cannot be made: %s".formatted(absolute, e),
          "Give another path, in a folder that you may write to.",
          e);
    }
  }

  private static int bytes(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8).length;
  }

  private static FileChannel lock(Path socket) throws IOException {
    FileChannel channel =
        FileChannel.open(
            socket.resolveSibling(socket.getFileName() + ".lock"),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
            FILE_MODE);
    if (!tryLock(channel)) {
      String owner = owner(channel);
      channel.close();
      throw new VmmException(
          "the control port's socket '%s' is in use by process %s".formatted(socket, owner),
          "Talk to that process ('lockstep ctl'), or give another path.");
    }
    channel.truncate(0);
    String owner = ProcessHandle.current().pid() + "\n";
    channel.write(ByteBuffer.wrap(owner.getBytes(StandardCharsets.US_ASCII)), 0);
    return channel;
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static String owner(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(MAX_OWNER_BYTES);
    channel.read(text, 0);
    text.flip();
    return StandardCharsets.US_ASCII.decode(text).toString().strip();
  }

  /** Something that is there although nobody of ours holds the lock: a socket that answers is another program's, and any other file somebody's. */
  private static void refuseForeign(Path path) throws IOException {
    if (!Files.exists(path)) {
      return;
    }
    if (Files.isRegularFile(path) || Files.isDirectory(path)) {
      throw new VmmException(
          "'%s' is there, and is no socket".formatted(path),
          "Give another path for the control port's socket, or remove it.");
    }
    boolean answers;
    try (SocketChannel _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      answers = true;
    } catch (IOException e) {
      answers = false;
    }
    if (answers) {
      throw new VmmException(
          "another program listens on socket '%s'".formatted(path),
          "Give another path for the control port's socket, or end that program.");
    }
  }

  /** Where to bind. */
  UnixDomainSocketAddress bindAddress() {
    return UnixDomainSocketAddress.of(privateFolder.resolve(PRIVATE_NAME));
  }

  /**
   * Gives the bound socket its mode and its name.
   *
   * @throws VmmException if the host failed
   */
  void publish() {
    Path bound = privateFolder.resolve(PRIVATE_NAME);
    try {
      Files.setPosixFilePermissions(bound, MODE);
      Files.move(bound, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      published = true;
      Files.deleteIfExists(privateFolder);
    } catch (IOException e) {
      throw new VmmException(
          "the control port's socket '%s' cannot be made: %s".formatted(path, e),
          "Give another path, in a folder that you may write to.",
          e);
    }
  }

  /** The name. */
  Path path() {
    return path;
  }

  /** Gives the name up. */
  @Override
  public void close() {
    try (lock) {
      if (published) {
        Files.deleteIfExists(path);
      }
      Files.deleteIfExists(privateFolder.resolve(PRIVATE_NAME));
      Files.deleteIfExists(privateFolder);
      lock.truncate(0);
    } catch (IOException e) {
      // A socket that stays is replaced by the next server: the lock is free.
    }
  }
}
