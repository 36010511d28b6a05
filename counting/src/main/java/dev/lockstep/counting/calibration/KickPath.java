package dev.lockstep.counting.calibration;

import dev.lockstep.counting.Stop;
import dev.lockstep.counting.perf.CounterEvent;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.perf.SoftwareEvent;

/**
 * The way from an armed event to a guest that was kicked out of KVM_RUN, shown by the kernel's clocks on hosts without a PMU: perf_event_open, period, overflow, signal, EINTR. It says nothing about branches.
 *
 * @param clock the event
 * @param kicks how often the guest was kicked out
 * @param delayMicros how long after the armed time each kick was seen, rounded down
 * @param early kicks that came before it
 */
public record KickPath(SoftwareEvent clock, int kicks, Histogram delayMicros, long early) {
  private static final long PERIOD_NANOS = 500_000;
  private static final int IDLE = 1_000, NANOS_PER_MICRO = 1_000;

  /** Rounds that no guest ends within a period. */
  private static final int ENDLESS = Integer.MAX_VALUE;

  /**
   * Kicks a guest that spins in ring 3 out so many times. Takes half a millisecond for each.
   *
   * @throws dev.lockstep.engine.VmmException if there is no KVM or no such event
   * @throws IllegalStateException if kicks do not come
   */
  public static KickPath run(Kvm kvm, SoftwareEvent clock, int kicks) {
    Histogram delay = new Histogram();
    long early = 0;
    int idle = 0;
    try (KvmSubject subject = KvmSubject.open(kvm, CounterEvent.ofTime(clock))) {
      CalibrationGuest guest = new CalibrationGuest(subject.memory());
      subject.load(guest.prepare(Experiment.LOOP_USER, ENDLESS));
      while (delay.samples() < kicks) {
        long armed = subject.count() + PERIOD_NANOS;
        long seen = armed - 1;
        while (seen < armed) {
          Stop stop = subject.runFree(armed);
          seen = subject.count();
          if (stop instanceof Stop.Exit(VcpuExit exit)) {
            if (!(exit instanceof VcpuExit.PortWrite write)
                || write.port() != CalibrationGuest.END) {
              throw new IllegalStateException("the spinning guest left by " + exit);
            }
            subject.load(guest.prepare(Experiment.LOOP_USER, ENDLESS));
          } else if (seen < armed) {
            early++;
            if (++idle == IDLE) {
              throw new IllegalStateException(
                  "%s: %,d kicks came before their time".formatted(clock, early));
            }
          }
        }
        delay.add((seen - armed) / NANOS_PER_MICRO);
      }
    }
    return new KickPath(clock, kicks, delay, early);
  }
}
