package dev.lockstep.vmm.replay;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.ReplayTarget;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
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
    boolean isBefore(ReplayTarget target) {
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
   * Every checkpoint of a log whose beginning can be read, in the order of the log. What is left out is not missed: a replay
   * can begin further ahead.
   *
   * @throws VmmException if the folder cannot be listed
   */
  public static List<Checkpoint> in(Path log) {
    List<Checkpoint> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(log)) {
      for (Path file : files.toList()) {
        Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
        if (name.matches()) {
          read(file, Long.parseLong(name.group(1))).ifPresent(found::add);
        }
      }
    } catch (IOException e) {
      throw new VmmException(
          "the log's folder '%s' cannot be listed: %s".formatted(log, e),
          "Name the folder that 'lockstep record' wrote.",
          e);
    }
    found.sort(Comparator.comparingLong(Checkpoint::sequence));
    return found;
  }

  private static Optional<Checkpoint> read(Path file, long sequence) throws IOException {
    try {
      LogHeader header = ConfiguredMachine.header(file);
      return Optional.of(
          new Checkpoint(
              file, sequence, header.start().count(), header.startNanos(), Files.size(file)));
    } catch (VmmException e) {
      return Optional.empty();
    }
  }

  /** The last one of a log from which a replay comes to a target. */
  public static Optional<Checkpoint> before(Path log, ReplayTarget target) {
    return in(log).reversed().stream().filter(it -> it.isBefore(target)).findFirst();
  }
}
