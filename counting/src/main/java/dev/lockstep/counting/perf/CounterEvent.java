package dev.lockstep.counting.perf;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.kvm.perf.PerfAttributes;
import dev.lockstep.kvm.perf.PerfFlag;
import dev.lockstep.kvm.perf.SoftwareEvent;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link PerfDevice} counts.
 *
 * @param name as people and profiles write it
 * @param semantics what of the guest it counts
 * @param measured the event
 * @param companion an event whose count is subtracted, or null
 * @param exact whether it has a hardware counter that must never be shared; false for time
 */
public record CounterEvent(
    String name,
    BranchSemantics semantics,
    PerfAttributes measured,
    @Nullable PerfAttributes companion,
    boolean exact) {
  /**
   * An event of a PMU, counted while the thread is in the guest and never by turns with others.
   *
   * @param pmuType the PMU's number ({@code /sys/bus/event_source/devices/NAME/type}); 4 is the CPU's own
   * @param config the event
   * @param companionConfig the event to subtract, or 0
   */
  public static CounterEvent ofPmu(
      String name, BranchSemantics semantics, int pmuType, long config, long companionConfig) {
    PerfAttributes companion = companionConfig == 0 ? null : guestOnly(pmuType, companionConfig);
    return new CounterEvent(name, semantics, guestOnly(pmuType, config), companion, true);
  }

  private static PerfAttributes guestOnly(int pmuType, long config) {
    return PerfAttributes.ofType(pmuType, config).with(PerfFlag.PINNED, PerfFlag.EXCLUDE_HOST);
  }

  /**
   * Nanoseconds, which the kernel counts without a PMU: no measure of a guest, but armed, overflowing and kicking in the same way. For showing that way on hosts without a PMU.
   */
  public static CounterEvent ofTime(SoftwareEvent clock) {
    return new CounterEvent(
        "software " + clock.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' '),
        BranchSemantics.CONDITIONAL,
        PerfAttributes.of(clock),
        null,
        false);
  }
}
