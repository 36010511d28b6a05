package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A log with promises of all lengths, kept whole, half of its marks lost; and then handed out bit by bit, when its owner says so. */
final class Captured implements LogSink, LogSource {
  private static final int MAX_PROMISE_NANOS = 3_000_000;
  private static final int MAX_GIVEN = 3;

  private final Random random;
  private final CompletableFuture<LogHeader> header = new CompletableFuture<>();
  private final Deque<LogEntry> entries = new ArrayDeque<>();
  private volatile Runnable wake = () -> {};
  private int given;

  Captured(Random random) {
    this.random = random;
  }

  @Override
  public void begin(Supplier<LogHeader> source) {
    header.complete(source.get());
  }

  @Override
  public synchronized void append(long sequence, LogEntry entry) {
    entries.add(entry);
  }

  @Override
  public boolean wantsPromises() {
    return true;
  }

  @Override
  public synchronized void promise(Moment moment, long until) {
    if (entries.isEmpty() || random.nextBoolean()) {
      entries.add(new LogEntry.ProgressMark(moment, until));
    }
  }

  @Override
  public synchronized long runningProgressNanos() {
    return 1 + random.nextInt(MAX_PROMISE_NANOS);
  }

  @Override
  public void end() {}

  /** Lets the next entry be seen, or some. */
  void give() {
    synchronized (this) {
      given += 1 + random.nextInt(MAX_GIVEN);
    }
    wake.run();
  }

  @Override
  public LogHeader header() {
    return header.join();
  }

  @Override
  public synchronized @Nullable LogEntry peek() {
    return given > 0 ? entries.peek() : null;
  }

  @Override
  public synchronized void advance() {
    entries.remove();
    given--;
  }

  @Override
  public synchronized boolean ended() {
    return entries.isEmpty();
  }

  @Override
  public void onAvailable(Runnable listener) {
    wake = listener;
  }
}
