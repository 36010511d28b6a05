package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.snapshot.CheckpointWriter;
import dev.lockstep.vmm.snapshot.MemoryImage;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Snapshots as files: written whole or not at all, with mode 0600, since guest memory holds secrets. */
final class SnapshotFile {
  private static final int BUFFER_BYTES = 1 << 20;

  /** For what is left when memory is mapped. */
  private static final int MAPPABLE_BUFFER_BYTES = 1 << 16;

  private SnapshotFile() {}

  /** Writes a part of a checkpoint. */
  @FunctionalInterface
  interface Body {
    void write(DataOutputStream out) throws IOException;
  }

  /** Writes a file's content. */
  @FunctionalInterface
  private interface Content {
    void write(FileChannel channel) throws IOException;
  }

  /**
   * Writes a file, and puts it in its place only when it is whole and durable.
   *
   * @return its bytes
   * @throws VmmException if the host failed
   */
  static long write(Path file, Body body) {
    return place(file, channel -> stream(channel, body));
  }

  /**
   * Writes everything of a machine that stands still but its disks, to be mapped where a machine is to start from it.
   *
   * @return bytes of the file
   * @throws VmmException if the host failed
   */
  static long writeMappable(Path file, MachineCore core, MachineDigest digest) {
    return place(
        file,
        channel -> {
          MemoryImage image = MemoryImage.write(channel, core.memory(), core.pages().everWritten());
          stream(
              channel,
              out -> {
                CheckpointWriter writer = new CheckpointWriter(out, core.headerWithoutContent(0));
                writer.state(MachineStateCodec.encode(core));
                writer.end(digest);
              });
          image.writeHead(channel, channel.position());
        });
  }

  private static void stream(FileChannel channel, Body body) throws IOException {
    OutputStream raw = Channels.newOutputStream(channel);
    DataOutputStream out = new DataOutputStream(new BufferedOutputStream(raw, BUFFER_BYTES));
    body.write(out);
    out.flush();
  }

  private static long place(Path file, Content content) {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.deleteIfExists(fresh);
      try (FileChannel channel =
          FileChannel.open(
              fresh,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
        content.write(channel);
        channel.force(true);
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return Files.size(file);
    } catch (IOException e) {
      discard(fresh, e);
      throw new VmmException(
          "cannot write the snapshot '%s': %s".formatted(file, e),
          "Free space there, or name another place.",
          e);
    }
  }

  /** What was written of it holds space that may be what was missing. */
  private static void discard(Path fresh, IOException failure) {
    try {
      Files.deleteIfExists(fresh);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /** Reads a checkpoint from a file. */
  @FunctionalInterface
  interface Reading<T> {
    /**
     * Reads it.
     *
     * @param image the memory, if it is to be mapped; null if it comes with the checkpoint
     */
    T read(CheckpointReader reader, @Nullable MemoryImage image) throws IOException;
  }

  /**
   * Reads a file.
   *
   * @throws VmmException if it is not there, no snapshot, or damaged
   */
  static <T> T read(Path file, Reading<T> reading) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemoryImage image = MemoryImage.read(channel);
      int buffer = image == null ? BUFFER_BYTES : MAPPABLE_BUFFER_BYTES;
      return reading.read(
          new CheckpointReader(
              new DataInputStream(
                  new BufferedInputStream(Channels.newInputStream(channel), buffer))),
          image);
    } catch (NoSuchFileException e) {
      throw new VmmException("there is no snapshot '%s'".formatted(file), "Check the name.", e);
    } catch (EOFException e) {
      throw new VmmException(
          "the snapshot '%s' is cut off".formatted(file),
          "Use another one; this one cannot be restored.",
          e);
    } catch (IOException e) {
      throw new VmmException(
          "the snapshot '%s' is damaged: %s".formatted(file, e.getMessage()),
          "Use another one; this one cannot be restored.",
          e);
    }
  }

  /**
   * Writes everything of a machine that stands still; of its disks only some blocks.
   *
   * @param blocks which, by disk; empty to leave out the disks
   */
  static void checkpoint(
      MachineCore core, MachineDigest digest, List<BitSet> blocks, DataOutputStream out)
      throws IOException {
    CheckpointWriter writer = new CheckpointWriter(out, core.headerWithoutContent(0));
    writer.nonZeroPages(core.memory(), core.pages().everWritten());
    for (int disk = 0; disk < blocks.size(); disk++) {
      writer.blocks(disk, core.disks().get(disk).store(), blocks.get(disk));
    }
    writer.state(MachineStateCodec.encode(core));
    writer.end(digest);
  }
}
