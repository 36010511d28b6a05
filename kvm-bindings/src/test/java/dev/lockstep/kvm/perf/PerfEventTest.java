package dev.lockstep.kvm.perf;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import com.sun.management.ThreadMXBean;
import dev.lockstep.kvm.CProbe;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KickSignal;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.Unprivileged;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.perf_event_attr;
import dev.lockstep.kvm.layout.perf_event_mmap_page;
import dev.lockstep.kvm.layout.timespec;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/** Counters of the host's own kernel: time, which every kernel counts, and instructions where there is a PMU. */
@Timeout(30)
final class PerfEventTest {
  private static final long MILLISECOND = 1_000_000;

  @Test
  void numbersAndBitFieldsAreC() throws Exception {
    CProbe.compareFields(PerfAbi.class);
    Map<String, Long> expected = new LinkedHashMap<>();
    for (PerfFlag flag : PerfFlag.values()) {
      expected.put(attributeWord(flag.fieldName(), 1), flag.mask());
    }
    expected.put(attributeWord("precise_ip", 3), 3L << PerfAttributes.PRECISE_IP_SHIFT);
    expected.put(
        "({ struct perf_event_mmap_page p; memset(&p, 0, sizeof p); p.cap_user_rdpmc = 1; p.capabilities; })",
        PerfRing.CAP_USER_RDPMC);
    expected.put("PERF_RECORD_LOST", (long) PerfRing.LOST);
    expected.put("PERF_RECORD_THROTTLE", (long) PerfRing.THROTTLE);
    expected.put("PERF_RECORD_UNTHROTTLE", (long) PerfRing.UNTHROTTLE);
    expected.put("PERF_RECORD_SAMPLE", (long) PerfRing.SAMPLE);
    assertThat(CProbe.evaluate(expected.keySet(), false)).containsExactlyEntriesOf(expected);
    assertThat(perf_event_attr.read_format$offset() + 8).isEqualTo(PerfAttributes.FLAGS_OFFSET);
    assertThat(perf_event_mmap_page.sizeof()).isLessThanOrEqualTo(4096);
  }

  private static String attributeWord(String field, int value) {
    return "({ struct perf_event_attr a; memset(&a, 0, sizeof a); a.%s = %d; *(__u64 *) ((char *) &a + %d); })"
        .formatted(field, value, PerfAttributes.FLAGS_OFFSET);
  }

  @Test
  void taskClockCountsThisThreadWhileEnabled() {
    PerfAttributes attributes = PerfAttributes.of(SoftwareEvent.TASK_CLOCK).with(PerfFlag.DISABLED);
    try (PerfEvent event = open(attributes)) {
      burn(MILLISECOND);
      assertThat(event.read()).isZero();
      event.enable();
      burn(5 * MILLISECOND);
      event.disable();
      long count = event.read();
      assertThat(count).isPositive();
      assertThat(event.nanosRunning()).isPositive().isLessThanOrEqualTo(event.nanosEnabled());
      burn(MILLISECOND);
      assertThat(event.read()).isEqualTo(count);
      event.reset();
      assertThat(event.read()).isZero();
    }
  }

  @Test
  void anOverflowIsASignalToTheThreadAndComesOnce() throws InterruptedException {
    for (SoftwareEvent clock : SoftwareEvent.values()) {
      onBlockedThread(() -> {
        try (Arena arena = Arena.ofConfined();
            PerfEvent event = kick(clock, 2 * MILLISECOND)) {
          event.refresh(1);
          burn(20 * MILLISECOND);
          assertThat(pending(arena)).as("signal of %s", clock).isEqualTo(KickSignal.NUMBER);
          assertThat(pending(arena)).isEqualTo(-Errno.EAGAIN);
          // The kernel disabled it at the overflow.
          long stopped = event.read();
          burn(2 * MILLISECOND);
          assertThat(event.read()).isEqualTo(stopped);
          event.reset();
          event.setPeriod(MILLISECOND);
          event.refresh(2);
          burn(20 * MILLISECOND);
          assertThat(pending(arena)).isEqualTo(KickSignal.NUMBER);
          assertThat(pending(arena)).isEqualTo(KickSignal.NUMBER);
          assertThat(pending(arena)).isEqualTo(-Errno.EAGAIN);
        }
      });
    }
  }

  @Test
  void samplesComeInTheRing() {
    PerfAttributes attributes =
        PerfAttributes.of(SoftwareEvent.TASK_CLOCK)
            .with(PerfFlag.DISABLED)
            .withSamplePeriod(MILLISECOND / 5)
            .withSampleType(
                LinuxKvm.PERF_SAMPLE_IP()
                    | LinuxKvm.PERF_SAMPLE_TID()
                    | LinuxKvm.PERF_SAMPLE_TIME()
                    | LinuxKvm.PERF_SAMPLE_PERIOD())
            .withWakeupEvents(1);
    try (Arena arena = Arena.ofConfined();
        PerfEvent event = open(attributes)) {
      PerfRing ring = event.map(arena, 1);
      // More than the page of 102 samples holds at once, so that the ring wraps.
      long deadline = System.nanoTime() + 20_000 * MILLISECOND;
      int[] samples = new int[1];
      List<String> strangers = new ArrayList<>();
      event.enable();
      while (samples[0] < 120 && System.nanoTime() < deadline) {
        burn(5 * MILLISECOND);
        ring.drain((kind, misc, content) -> {
          switch (kind) {
            case PerfRing.SAMPLE -> {
              samples[0]++;
              int thread = content.get(JAVA_INT_UNALIGNED, 12);
              if (thread != Libc.gettid() || content.byteSize() != 32) {
                strangers.add("thread %d, %d bytes".formatted(thread, content.byteSize()));
              }
            }
            // A host under load may drop samples, or thin them out.
            case PerfRing.LOST, PerfRing.THROTTLE, PerfRing.UNTHROTTLE -> {}
            default -> strangers.add("kind " + kind);
          }
        });
      }
      event.disable();
      ring.drain((kind, misc, content) -> {});
      assertThat(ring.pending()).isZero();
      assertThat(samples[0]).isGreaterThanOrEqualTo(120);
      assertThat(strangers).as("records that are no samples of this thread").isEmpty();
      PerfRing.Rdpmc rdpmc = ring.rdpmc();
      assertThat(rdpmc.index()).as("a clock has no hardware counter").isZero();
      assertThat(rdpmc.nanosEnabled()).isPositive();
    }
  }

  @Test
  void hardwareCountersCountOrSayThatThereAreNone() {
    PerfAttributes attributes =
        PerfAttributes.of(HardwareEvent.INSTRUCTIONS)
            .with(PerfFlag.PINNED, PerfFlag.EXCLUDE_KERNEL, PerfFlag.EXCLUDE_HV);
    try (Arena arena = Arena.ofConfined();
        PerfEvent event = PerfEvent.openOnThread(attributes, 0)) {
      burn(MILLISECOND);
      long first = event.read();
      burn(MILLISECOND);
      assertThat(event.read()).isGreaterThan(first);
      assertThat(event.nanosRunning()).isEqualTo(event.nanosEnabled());
      assertThat(event.map(arena, 0).rdpmc().width()).isBetween(0, 64);
    } catch (KvmException e) {
      assertThat(e.advice()).isNotBlank();
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.EOPNOTSUPP) {
        assertThat(e.advice()).contains("no such counter");
      }
      abort("no hardware counter here (" + e.getMessage() + "): PMU events are not tested");
    }
  }

  @Test
  void nonsenseIsRefused() {
    PerfAttributes clock = PerfAttributes.of(SoftwareEvent.TASK_CLOCK);
    PerfEvent closed = open(clock);
    assertThatThrownBy(() -> PerfEvent.openOnThread(PerfAttributes.ofType(77_777, 1), 0))
        .isInstanceOfSatisfying(
            KvmException.class, e -> assertThat(e.advice()).contains("no such counter"));
    assertThatThrownBy(() -> PerfEvent.openOnThread(clock, Integer.MAX_VALUE))
        .isInstanceOf(KvmException.class)
        .hasMessageContaining("perf_event_open of type 1, config 0x1: ESRCH");
    assertThatThrownBy(() -> clock.withPreciseIp(4)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> clock.withSamplePeriod(-1))
        .isInstanceOf(IllegalArgumentException.class);
    try (Arena arena = Arena.ofConfined();
        PerfEvent event = open(clock)) {
      assertThatThrownBy(() -> event.refresh(0)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> event.setPeriod(0)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> event.map(arena, 3)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> event.setPeriod(5))
          .as("a counter that does not sample has no period")
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("PERF_EVENT_IOC_PERIOD");
    }
    closed.close();
    closed.close();
    assertThatThrownBy(closed::enable)
        .isInstanceOf(KvmException.class)
        .hasMessageContaining("PERF_EVENT_IOC_ENABLE: EBADF");
    assertThatThrownBy(closed::read).isInstanceOf(RuntimeException.class);
  }

  @Test
  void aUserWithoutTheRightIsToldHowToGetIt() throws InterruptedException {
    PerfAttributes clock = PerfAttributes.of(SoftwareEvent.TASK_CLOCK);
    try {
      // Loads every class of the way while they can be read.
      PerfEvent.openOnThread(clock, 0).close();
    } catch (KvmException e) {
      assertThat(e.advice()).isNotBlank();
    }
    Unprivileged.run(() -> {
      // Another CPU's doings are nobody's business, whatever the host's setting for one's own.
      try (PerfEvent event = PerfEvent.openOnCpu(clock, 0)) {
        System.out.println("SKIPPED: this host lets every user count on fd " + event.fd());
      } catch (KvmException e) {
        assertThat(e.errno()).isIn(Errno.EACCES, Errno.EPERM);
        assertThat(e.advice()).contains("kernel.perf_event_paranoid", "CAP_PERFMON");
      }
    });
  }

  @Test
  void armingAKickMakesNoJavaObjectOnceWarm() throws InterruptedException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    onBlockedThread(() -> {
      try (PerfEvent event = kick(SoftwareEvent.TASK_CLOCK, 1L << 40)) {
        // Objects vanish when HotSpot has compiled the path; one object an iteration would be
        // 32,000 bytes a round.
        long allocated = Long.MAX_VALUE;
        for (int round = 0; round < 100 && allocated > 2_000; round++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          arm(event, 2_000);
          allocated = threads.getCurrentThreadAllocatedBytes() - before;
        }
        assertThat(allocated).as("bytes of 2,000 kicks, warm").isLessThan(2_000);
      }
    });
  }

  private static void arm(PerfEvent event, int times) {
    for (int i = 0; i < times; i++) {
      event.reset();
      event.setPeriod(1L << 40);
      event.refresh(1);
      event.read();
      event.disable();
    }
  }

  @Test
  void nothingIsLeftOpen() throws IOException {
    PerfAttributes attributes =
        PerfAttributes.of(SoftwareEvent.CPU_CLOCK).withSamplePeriod(MILLISECOND);
    Descriptors.assertNoneLeft(
        "[perf_event]",
        () -> {
          try (Arena arena = Arena.ofConfined();
              PerfEvent event = open(attributes)) {
            event.map(arena, 1);
          }
        });
  }

  private static PerfEvent open(PerfAttributes attributes) {
    try {
      return PerfEvent.openOnThread(attributes, 0);
    } catch (KvmException e) {
      if (e.errno() == Errno.EACCES || e.errno() == Errno.EPERM || e.errno() == Errno.ENOSYS) {
        return abort("counters are not tested: " + e.getMessage() + ". " + e.advice());
      }
      throw e;
    }
  }

  private static PerfEvent kick(SoftwareEvent clock, long nanos) {
    PerfEvent event =
        open(
            PerfAttributes.of(clock)
                .with(PerfFlag.DISABLED)
                .withSamplePeriod(nanos)
                .withWakeupEvents(1));
    event.signalOverflowTo(Libc.gettid(), KickSignal.NUMBER);
    return event;
  }

  /** The signal that waits for this thread, or -EAGAIN. */
  private static int pending(Arena arena) {
    MemorySegment set = arena.allocate(128, 8);
    set.set(JAVA_LONG, 0, 1L << (KickSignal.NUMBER - 1));
    int result;
    do {
      result = Libc.sigtimedwait(set, timespec.allocate(arena));
    } while (result == -Errno.EINTR);
    return result;
  }

  /** Runs it on a thread of its own that blocks the signal. */
  private static void onBlockedThread(Runnable body) throws InterruptedException {
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                KickSignal.ofThisThread();
                body.run();
              } catch (Throwable e) {
                thrown[0] = e;
              }
            });
    thread.join();
    if (thrown[0] instanceof TestAbortedException aborted) {
      throw aborted;
    }
    assertThat(thrown[0]).isNull();
  }

  /** Spends the thread's own time, not the clock's: a thread that waits for a core is not counted. */
  private static void burn(long nanos) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long end = threads.getCurrentThreadCpuTime() + nanos;
    while (threads.getCurrentThreadCpuTime() < end) {
      Thread.onSpinWait();
    }
  }
}
