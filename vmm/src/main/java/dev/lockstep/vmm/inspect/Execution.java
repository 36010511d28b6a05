package dev.lockstep.vmm.inspect;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.ReplayTarget;
import dev.lockstep.vmm.machine.SnapshotInfo;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** One recorded execution that can be led to any of its moments, again and again: a log, and what makes machines that replay it. */
public final class Execution {
  /** Makes machines, each with disks of its own. */
  public interface Machines {
    /** One that stands at the log's start. */
    Machine start();

    /** One as a checkpoint of such a machine has it. */
    Machine restore(Path checkpoint);
  }

  /** A checkpoint that an execution may be led on from. */
  private record Base(Path file, long sequence) {}

  private final Machines machines;
  private final Path log;
  private final Path file;
  private @Nullable Base base;

  /**
   * @param log its folder
   * @param file where this keeps a checkpoint for itself
   */
  public Execution(Machines machines, Path log, Path file) {
    this.machines = machines;
    this.log = log;
    this.file = file;
  }

  /** A machine of this execution that stands still; to be closed. */
  public final class Stand implements AutoCloseable {
    private final Machine machine;
    private final FileLogSource source;
    private final @Nullable String failure;
    private final MachineView view;

    private Stand(Machine machine, FileLogSource source, @Nullable String failure) {
      this.machine = machine;
      this.source = source;
      this.failure = failure;
      this.view = machine.atBoundary(MachineView::of).join();
    }

    /** The machine. */
    public MachineView view() {
      return view;
    }

    /** Why it did not come where it was to come; null if it did. */
    public @Nullable String failure() {
      return failure;
    }

    /** From now on this execution is led on from here. */
    void keep() {
      Optional<SnapshotInfo> info = machine.checkpoint(sequence -> file).join();
      info.ifPresent(it -> base = new Base(it.file(), it.sequence()));
    }

    @Override
    public void close() {
      try {
        machine.close();
      } finally {
        source.close();
      }
    }
  }

  /**
   * Leads a machine to a place behind what was kept last.
   *
   * @throws dev.lockstep.engine.VmmException if the log does not fit the machine, or the host failed
   */
  public Stand lead(ReplayTarget target) {
    Base from = base;
    Machine machine = from == null ? machines.start() : machines.restore(from.file());
    FileLogSource source = null;
    try {
      source = new FileLogSource(log, from == null ? 0 : from.sequence());
      machine.replay(source, new DirectGate((stream, offset, bytes) -> {}), target);
      return new Stand(machine, source, outcome(machine));
    } catch (RuntimeException e) {
      machine.close();
      if (source != null) {
        source.close();
      }
      throw e;
    }
  }

  private static @Nullable String outcome(Machine machine) {
    try {
      MachineEnd end = machine.ended().join();
      return end.reason() == EndReason.TARGET ? null : "ended: " + end.reason();
    } catch (CompletionException e) {
      return switch (e.getCause()) {
        case DivergenceException it -> String.valueOf(it.getMessage());
        case RuntimeException it -> throw it;
        case null, default -> throw e;
      };
    }
  }
}
