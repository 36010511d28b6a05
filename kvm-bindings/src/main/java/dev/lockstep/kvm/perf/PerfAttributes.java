package dev.lockstep.kvm.perf;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.perf_event_attr;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;

/**
 * What is to be counted, and what happens each time a period is full (perf_event_open(2), {@code struct perf_event_attr}).
 *
 * @param type the PMU: PERF_TYPE_*, or the number that /sys/bus/event_source/devices/NAME/type has (hybrid CPUs have one for each kind of core)
 * @param config the event, in the PMU's own numbers
 * @param flags the one-bit fields
 * @param samplePeriod events until an overflow, 0 for none
 * @param sampleType what a sample in the ring holds: PERF_SAMPLE_*, 0 if nobody reads it
 * @param wakeupEvents overflows until readers of the ring are woken
 * @param preciseIp 0 to 3: how near to the event a sample's instruction pointer must be
 */
public record PerfAttributes(
    int type,
    long config,
    Set<PerfFlag> flags,
    long samplePeriod,
    long sampleType,
    int wakeupEvents,
    int preciseIp) {
  /** Where the one-bit fields lie, which jextract leaves out. */
  static final long FLAGS_OFFSET = 40;

  static final int PRECISE_IP_SHIFT = 15;

  /** Every read gives the count, then the time it was wanted, then the time it had a hardware counter. */
  private static final long READ_FORMAT =
      LinuxKvm.PERF_FORMAT_TOTAL_TIME_ENABLED() | LinuxKvm.PERF_FORMAT_TOTAL_TIME_RUNNING();

  /** Checks ranges. */
  public PerfAttributes {
    flags = Set.copyOf(flags);
    if (samplePeriod < 0 || wakeupEvents < 0) {
      throw new IllegalArgumentException(
          "period %d and wakeup %d are not negative".formatted(samplePeriod, wakeupEvents));
    }
    if (preciseIp < 0 || preciseIp > 3) {
      throw new IllegalArgumentException("preciseIp is 0 to 3, not " + preciseIp);
    }
  }

  /** Time, which the kernel counts without a PMU. */
  public static PerfAttributes of(SoftwareEvent event) {
    return ofType(LinuxKvm.PERF_TYPE_SOFTWARE(), event.config());
  }

  /** An event that the kernel knows by name on every CPU. */
  public static PerfAttributes of(HardwareEvent event) {
    return ofType(LinuxKvm.PERF_TYPE_HARDWARE(), event.config());
  }

  /** An event by the number that the CPU's manual gives it. */
  public static PerfAttributes raw(long config) {
    return ofType(LinuxKvm.PERF_TYPE_RAW(), config);
  }

  /** An event of any PMU. */
  public static PerfAttributes ofType(int type, long config) {
    return new PerfAttributes(type, config, Set.of(), 0, 0, 0, 0);
  }

  /** The same with more flags. */
  public PerfAttributes with(PerfFlag... more) {
    EnumSet<PerfFlag> all = EnumSet.noneOf(PerfFlag.class);
    all.addAll(flags);
    all.addAll(Set.of(more));
    return new PerfAttributes(type, config, all, samplePeriod, sampleType, wakeupEvents, preciseIp);
  }

  /** The same with an overflow every {@code events} events. */
  public PerfAttributes withSamplePeriod(long events) {
    return new PerfAttributes(type, config, flags, events, sampleType, wakeupEvents, preciseIp);
  }

  /** The same with samples of a content. */
  public PerfAttributes withSampleType(long content) {
    return new PerfAttributes(type, config, flags, samplePeriod, content, wakeupEvents, preciseIp);
  }

  /** The same with a wake-up every {@code overflows} overflows. */
  public PerfAttributes withWakeupEvents(int overflows) {
    return new PerfAttributes(type, config, flags, samplePeriod, sampleType, overflows, preciseIp);
  }

  /** The same with a demand on the instruction pointer. */
  public PerfAttributes withPreciseIp(int level) {
    return new PerfAttributes(type, config, flags, samplePeriod, sampleType, wakeupEvents, level);
  }

  /** The structure, as the kernel takes it. */
  MemorySegment toNative(Arena arena) {
    MemorySegment attr = perf_event_attr.allocate(arena);
    perf_event_attr.type(attr, type);
    perf_event_attr.size(attr, (int) perf_event_attr.sizeof());
    perf_event_attr.config(attr, config);
    perf_event_attr.sample_period(attr, samplePeriod);
    perf_event_attr.sample_type(attr, sampleType);
    perf_event_attr.read_format(attr, READ_FORMAT);
    perf_event_attr.wakeup_events(attr, wakeupEvents);
    long word = (long) preciseIp << PRECISE_IP_SHIFT;
    for (PerfFlag flag : flags) {
      word |= flag.mask();
    }
    attr.set(ValueLayout.JAVA_LONG, FLAGS_OFFSET, word);
    return attr;
  }
}
