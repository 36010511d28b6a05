package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import dev.lockstep.vmm.snapshot.CheckpointWriter;
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

/** Snapshots as files: written whole or not at all, with mode 0600, since guest memory holds secrets. */
final class SnapshotFile {
  private static final int BUFFER_BYTES = 1 << 20;

  private SnapshotFile() {}

  /** Writes a part of a checkpoint. */
  @FunctionalInterface
  interface Body {
    void write(DataOutputStream out) throws IOException;
  }

  /**
   * Writes a file, and puts it in its place only when it is whole and durable.
   *
   * @throws VmmException if the host failed
   */
  static long write(Path file, Body body) {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.deleteIfExists(fresh);
      try (FileChannel channel =
          FileChannel.open(
              fresh,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
        OutputStream raw = Channels.newOutputStream(channel);
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(raw, BUFFER_BYTES));
        body.write(out);
        out.flush();
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
    T read(CheckpointReader reader) throws IOException;
  }

  /**
   * Reads a file.
   *
   * @throws VmmException if it is not there, no snapshot, or damaged
   */
  static <T> T read(Path file, Reading<T> reading) {
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES))) {
      return reading.read(new CheckpointReader(in));
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
