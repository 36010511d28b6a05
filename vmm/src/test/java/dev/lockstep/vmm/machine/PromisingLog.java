package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** A stream whose marks are promises. */
class PromisingLog extends StreamLog {
  private final AtomicLong promises = new AtomicLong();

  PromisingLog(LongConsumer received) {
    super(received);
  }

  @Override
  public boolean wantsPromises() {
    return true;
  }

  @Override
  public void promise(Moment moment, long until) {
    flush();
    promises.incrementAndGet();
    mark(new LogEntry.ProgressMark(moment, until));
  }

  /** How many were given. */
  final long promises() {
    return promises.get();
  }
}
