package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.Batch;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The log of a primary as a backup gets it, within one process: batches go through their encoded form, and what was not
 * flushed when the stream is cut is lost.
 */
class StreamLog implements LogSink, LogSource {
  private final CompletableFuture<LogHeader> header = new CompletableFuture<>();
  private final LongConsumer received;
  private final List<LogEntry> unsent = new ArrayList<>();
  private final Deque<LogEntry> entries = new ArrayDeque<>();
  private volatile Runnable wake = () -> {};
  private long firstUnsent;
  private boolean cut;
  private boolean ended;

  /**
   * @param received told of the last entry that the backup has, after it has it
   */
  StreamLog(LongConsumer received) {
    this.received = received;
  }

  CompletableFuture<LogHeader> headerFuture() {
    return header;
  }

  /** The connection breaks: nothing comes through any more. */
  void cut() {
    synchronized (this) {
      cut = true;
      ended = true;
    }
    wake.run();
  }

  @Override
  public void begin(Supplier<LogHeader> source) {
    header.complete(source.get());
  }

  @Override
  public void append(long sequence, LogEntry entry) {
    unsent.add(entry);
  }

  @Override
  public void flush() {
    if (unsent.isEmpty()) {
      return;
    }
    byte[] bytes = new Batch(firstUnsent, unsent).encode();
    firstUnsent += unsent.size();
    unsent.clear();
    long last;
    synchronized (this) {
      if (cut) {
        return;
      }
      try {
        entries.addAll(Batch.decode(bytes).entries());
      } catch (LogFormatException e) {
        throw new IllegalStateException(e);
      }
      last = firstUnsent - 1;
    }
    wake.run();
    received.accept(last);
  }

  @Override
  public void progress(Moment moment) {
    mark(new LogEntry.ProgressMark(moment));
  }

  /** Sends a mark. */
  final void mark(LogEntry.ProgressMark mark) {
    synchronized (this) {
      if (cut) {
        return;
      }
      entries.add(mark);
    }
    wake.run();
  }

  @Override
  public long progressNanos() {
    return 1_000_000;
  }

  @Override
  public void end() {
    flush();
    synchronized (this) {
      ended = true;
    }
    wake.run();
  }

  @Override
  public LogHeader header() {
    return header.join();
  }

  @Override
  public synchronized @Nullable LogEntry peek() {
    return entries.peek();
  }

  @Override
  public synchronized void advance() {
    entries.remove();
  }

  @Override
  public synchronized boolean ended() {
    return ended;
  }

  @Override
  public void onAvailable(Runnable wake) {
    this.wake = wake;
  }
}
