package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.LogSink;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Keeps no log, and says what a disk of this host could not do, which the guest sees as an I/O error. Each disk's first failure is told at once, those that follow at most once a minute. */
public final class DiskFailureNotes implements LogSink {
  private static final long QUIET_NANOS = 60_000_000_000L;

  private final Consumer<String> notes;
  private final Map<String, Told> told = new HashMap<>();

  private static final class Told {
    private long nanos;
    private long untold;
  }

  /**
   * @param notes take a sentence each; the vCPU's thread, so they must not block
   */
  public DiskFailureNotes(Consumer<String> notes) {
    this.notes = notes;
  }

  @Override
  public boolean keepsWaiting(String disk, DiskRequest failed) {
    long now = System.nanoTime();
    Told of = told.get(disk);
    if (of != null && now - of.nanos < QUIET_NANOS) {
      of.untold++;
      return false;
    }
    long untold = of == null ? 0 : of.untold;
    Exception cause = failed.failure();
    notes.accept(
        "%s of disk '%s' failed: %s; the guest sees an I/O error%s"
            .formatted(
                failed,
                disk,
                cause == null || cause.getMessage() == null
                    ? String.valueOf(cause)
                    : cause.getMessage(),
                untold == 0 ? "" : ", as %d times since it was told last".formatted(untold)));
    Told fresh = new Told();
    fresh.nanos = now;
    told.put(disk, fresh);
    return false;
  }

  @Override
  public void begin(Supplier<LogHeader> header) {}

  @Override
  public void append(long sequence, LogEntry entry) {}

  @Override
  public void end() {}
}
