package dev.lockstep.vmm.replay;

import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.LogSink;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;

/** Several sinks that get the same log, in this order: a file and a backup, say. */
public final class TeeSink implements LogSink {
  private final List<LogSink> sinks;

  /** Hands everything to each of these. */
  public TeeSink(List<LogSink> sinks) {
    this.sinks = List.copyOf(sinks);
  }

  @Override
  public void begin(Supplier<LogHeader> header) {
    sinks.forEach(sink -> sink.begin(header));
  }

  @Override
  public void append(long sequence, LogEntry entry) {
    for (LogSink sink : sinks) {
      sink.append(sequence, entry);
    }
  }

  @Override
  public void flush() {
    sinks.forEach(LogSink::flush);
  }

  @Override
  public void settle() {
    sinks.forEach(LogSink::settle);
  }

  @Override
  public boolean held() {
    return sinks.stream().anyMatch(LogSink::held);
  }

  @Override
  public boolean keepsWaiting(String disk, DiskRequest failed) {
    return sinks.stream().anyMatch(sink -> sink.keepsWaiting(disk, failed));
  }

  @Override
  public void progress(Moment moment) {
    sinks.forEach(sink -> sink.progress(moment));
  }

  @Override
  public boolean wantsPromises() {
    return sinks.stream().anyMatch(LogSink::wantsPromises);
  }

  @Override
  public void promise(Moment moment, long until) {
    sinks.forEach(sink -> sink.promise(moment, until));
  }

  @Override
  public long progressNanos() {
    return least(LogSink::progressNanos);
  }

  @Override
  public long runningProgressNanos() {
    return least(LogSink::runningProgressNanos);
  }

  private long least(ToLongFunction<LogSink> wanted) {
    return sinks.stream().mapToLong(wanted).filter(nanos -> nanos > 0).min().orElse(0);
  }

  @Override
  public boolean wantsFinalDigest() {
    return sinks.stream().anyMatch(LogSink::wantsFinalDigest);
  }

  @Override
  public void end() {
    sinks.forEach(LogSink::end);
  }
}
