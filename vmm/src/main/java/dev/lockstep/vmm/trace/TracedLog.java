package dev.lockstep.vmm.trace;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.LogSource;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A log source that tells a collector which entries have taken effect. */
public final class TracedLog implements LogSource {
  private final LogSource source;
  private final TraceCollector collector;
  private long number;

  /** As the source, told to a collector. */
  public TracedLog(LogSource source, TraceCollector collector) {
    this.source = source;
    this.collector = collector;
    this.number = source.firstSequence();
  }

  @Override
  public LogHeader header() {
    return source.header();
  }

  @Override
  public long firstSequence() {
    return source.firstSequence();
  }

  @Override
  public @Nullable LogEntry peek() {
    return source.peek();
  }

  @Override
  public void advance() {
    LogEntry entry = source.peek();
    source.advance();
    if (entry != null && !(entry instanceof LogEntry.ProgressMark)) {
      collector.entry(number++, name(entry));
    }
  }

  private static String name(LogEntry entry) {
    return switch (entry) {
      case LogEntry.ControlInput it -> it.control().name().toLowerCase(Locale.ROOT);
      case LogEntry.ConsoleInput _ -> "console input";
      case LogEntry.DiskCompletion _ -> "disk completion";
      case LogEntry.EntropyInput _ -> "entropy input";
      case LogEntry.NetworkInput _ -> "network input";
      case LogEntry.ClockEntry _ -> "clock";
      case LogEntry.OutputEntry _ -> "output";
      case LogEntry.DigestEntry _ -> "digest";
      case LogEntry.CheckpointMark _ -> "checkpoint";
      case LogEntry.ProgressMark _ -> "progress";
      case LogEntry.UncertainFrom _ -> "uncertain from here";
      case LogEntry.EndOfLog _ -> "end of log";
    };
  }

  @Override
  public boolean ended() {
    return source.ended();
  }

  @Override
  public void onAvailable(Runnable wake) {
    source.onAvailable(wake);
  }
}
