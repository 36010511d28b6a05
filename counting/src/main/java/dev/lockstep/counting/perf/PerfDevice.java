package dev.lockstep.counting.perf;

import dev.lockstep.counting.CounterDevice;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.KickSignal;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.perf.PerfAttributes;
import dev.lockstep.kvm.perf.PerfEvent;
import dev.lockstep.kvm.perf.PerfFlag;
import org.jspecify.annotations.Nullable;

/**
 * Counters of the calling thread, by perf_event_open(2): one that measures and is only read, perhaps a companion, and one whose overflow sends the thread {@link KickSignal#NUMBER}, which ends KVM_RUN with EINTR. The thread
 * must block that signal before the first {@link #arm} ({@link dev.lockstep.kvm.KvmVcpuHandle#bindToThread}).
 *
 * <p>{@link PerfEvent#refresh} lets one overflow through and then the kernel disables the event, so no signal comes that was not asked for; that is why the event that overflows cannot be the one that measures.
 */
public final class PerfDevice implements CounterDevice {
  /** A period that is never reached; the overflow half must be opened with one to be a sampling event at all. */
  private static final long IDLE_PERIOD = 1L << 40;

  private final CounterEvent event;
  private final int thread;
  private final PerfEvent measuring;
  private final @Nullable PerfEvent companion;
  private PerfEvent overflow;

  private PerfDevice(
      CounterEvent event, int thread, PerfEvent measuring, @Nullable PerfEvent companion) {
    this.event = event;
    this.thread = thread;
    this.measuring = measuring;
    this.companion = companion;
    this.overflow = openOverflow(event, thread, IDLE_PERIOD);
  }

  /**
   * Opens the counters for the calling thread.
   *
   * @throws KvmException with advice if this host has no such event, or not enough counters
   */
  public static PerfDevice open(CounterEvent event) {
    int thread = Libc.gettid();
    PerfEvent measuring = PerfEvent.openOnThread(event.measured(), thread);
    PerfEvent companion = null;
    try {
      PerfAttributes second = event.companion();
      companion = second == null ? null : PerfEvent.openOnThread(second, thread);
      return new PerfDevice(event, thread, measuring, companion);
    } catch (KvmException e) {
      measuring.close();
      if (companion != null) {
        companion.close();
      }
      throw e;
    }
  }

  private static PerfEvent openOverflow(CounterEvent event, int thread, long period) {
    PerfAttributes attributes =
        event.measured().with(PerfFlag.DISABLED).withSamplePeriod(period).withWakeupEvents(1);
    PerfEvent opened = PerfEvent.openOnThread(attributes, thread);
    try {
      opened.signalOverflowTo(thread, KickSignal.NUMBER);
      return opened;
    } catch (KvmException e) {
      opened.close();
      throw e;
    }
  }

  @Override
  public long read() {
    PerfEvent subtracted = companion;
    return read(measuring) - (subtracted == null ? 0 : read(subtracted));
  }

  private long read(PerfEvent counter) {
    long count;
    try {
      count = counter.read();
    } catch (KvmException e) {
      throw new VmmException("the branch counter: " + e.getMessage(), e.advice(), e);
    }
    if (event.exact() && counter.nanosRunning() != counter.nanosEnabled()) {
      throw new VmmException(
          "the branch counter counted during %,d of %,d ns"
              .formatted(counter.nanosRunning(), counter.nanosEnabled()),
          "Stop other users of the PMU (perf, the NMI watchdog: sysctl kernel.nmi_watchdog=0).");
    }
    return count;
  }

  @Override
  public void arm(long events) {
    overflow.disable();
    overflow.reset();
    overflow.setPeriod(events);
    overflow.refresh(1);
  }

  @Override
  public void reopen(long events) {
    overflow.close();
    overflow = openOverflow(event, thread, events);
    overflow.refresh(1);
  }

  @Override
  public void disarm() {
    overflow.disable();
  }

  @Override
  public void close() {
    overflow.close();
    measuring.close();
    PerfEvent second = companion;
    if (second != null) {
      second.close();
    }
  }
}
