package dev.lockstep.vmm.replay;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checkpoints in a log's folder: snapshots of the machine with what it had written to its disks, each named by the entry
 * that comes next, so that a replay can begin there. A log is whole without them.
 */
public final class Checkpoints {
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{12})\\.lscheck");

  private static final int BUFFER_BYTES = 1 << 20;

  private static final CheckpointReader.Target NOWHERE =
      new CheckpointReader.Target() {
        @Override
        public void page(int page, byte[] bytes, int from) {}

        @Override
        public void blocks(int disk, long offset, byte[] bytes, int from, int length) {}

        @Override
        public void state(byte[] state) {}

        @Override
        public void end(MachineDigest digest) {}
      };

  private Checkpoints() {}

  /**
   * One of them.
   *
   * @param sequence number of the entry that comes next
   * @param count branch count there
   * @param virtualNanos virtual time there
   * @param bytes of the file
   */
  public record Checkpoint(Path file, long sequence, long count, long virtualNanos, long bytes) {
    /** Whether a replay that begins here comes to a target as one from the start does. */
    public boolean isBefore(ReplayTarget target) {
      return switch (target) {
        case ReplayTarget.Count it -> count < it.count();
        case ReplayTarget.Address it -> count < it.count();
        case ReplayTarget.Steps it -> count < it.count();
        // At its moment it may stand before what comes first there.
        case ReplayTarget.Entry it -> sequence <= it.sequence();
        case ReplayTarget.Time it -> virtualNanos < it.nanos();
      };
    }
  }

  /** The file of a checkpoint. */
  public static Path file(Path log, long sequence) {
    return log.resolve("checkpoint-%012d.lscheck".formatted(sequence));
  }

  /**
   * The files of a log's checkpoints, in the order of the log, damaged ones too.
   *
   * @throws VmmException if the folder cannot be listed
   */
  public static List<Path> files(Path log) {
    try (Stream<Path> files = Files.list(log)) {
      return files
          .filter(file -> NAME.matcher(String.valueOf(file.getFileName())).matches())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new VmmException(
          "the log's folder '%s' cannot be listed: %s".formatted(log, e),
          "Name the folder that 'lockstep record' wrote.",
          e);
    }
  }

  /**
   * Every checkpoint of a log whose beginning can be read, in the order of the log. What is left out is not missed: a replay
   * can begin further ahead.
   *
   * @throws VmmException if the folder cannot be listed
   */
  public static List<Checkpoint> in(Path log) {
    List<Checkpoint> found = new ArrayList<>();
    for (Path file : files(log)) {
      Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
      if (name.matches()) {
        read(file, Long.parseLong(name.group(1))).ifPresent(found::add);
      }
    }
    return found;
  }

  private static Optional<Checkpoint> read(Path file, long sequence) {
    try {
      LogHeader header = ConfiguredMachine.header(file);
      return Optional.of(
          new Checkpoint(
              file, sequence, header.start().count(), header.startNanos(), Files.size(file)));
    } catch (VmmException | IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Reads a checkpoint to its end and holds every part against its checksum.
   *
   * @return what is wrong with it, or empty
   */
  public static Optional<String> damage(Path file) {
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES))) {
      CheckpointReader reader = new CheckpointReader(in);
      while (reader.next(NOWHERE)) {
        // to the end
      }
      return Optional.empty();
    } catch (EOFException e) {
      return Optional.of("it is cut off");
    } catch (IOException | VmmException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Where a replay that is to come to a target may begin: the checkpoints before it and within what the log holds (its recorder
   * may have died before it wrote the entries in front of the last checkpoint), the nearest first.
   *
   * @throws VmmException if the log cannot be read
   */
  public static List<Checkpoint> before(Path log, ReplayTarget target) {
    List<Checkpoint> found = new ArrayList<>();
    for (Checkpoint checkpoint : in(log).reversed()) {
      if (checkpoint.isBefore(target) && (!found.isEmpty() || holds(log, checkpoint.sequence()))) {
        found.add(checkpoint);
      }
    }
    return found;
  }

  private static boolean holds(Path log, long sequence) {
    try (FileLogSource source = new FileLogSource(log, sequence)) {
      return source.peek() != null;
    } catch (VmmException e) {
      return false;
    }
  }
}
