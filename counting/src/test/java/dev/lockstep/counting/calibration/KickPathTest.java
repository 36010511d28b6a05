package dev.lockstep.counting.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.counting.Stop;
import dev.lockstep.counting.perf.CounterEvent;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.perf.SoftwareEvent;
import java.nio.file.Files;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernel's clocks drive the way that a hardware counter's overflow takes, on a real KVM_RUN. */
@Timeout(60)
final class KickPathTest {
  private static final int KICKS = 50;

  @BeforeEach
  void deviceIsThere() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: overflows and runs are not tested together");
  }

  @ParameterizedTest
  @EnumSource(SoftwareEvent.class)
  void overflowsKickASpinningGuestOut(SoftwareEvent clock) throws InterruptedException {
    onItsOwnThread(() -> {
      try (Kvm kvm = Kvm.open()) {
        KickPath path = KickPath.run(kvm, clock, KICKS);
        System.out.printf(
            "kick path %s: %d kicks of a guest in ring 3, p50 %,d us late, p99 %,d us, %d early%n",
            clock,
            path.kicks(),
            path.delayMicros().perMille(500),
            path.delayMicros().perMille(990),
            path.early());
        assertThat(path.delayMicros().samples()).isEqualTo(KICKS);
        assertThat(path.delayMicros().min()).isNotNegative();
      }
    });
  }

  @Test
  void overflowsComeByReopeningAndNoneComesDisarmed() throws InterruptedException {
    onItsOwnThread(() -> {
      try (Kvm kvm = Kvm.open();
          KvmSubject subject =
              KvmSubject.open(kvm, CounterEvent.ofTime(SoftwareEvent.TASK_CLOCK))) {
        CalibrationGuest guest = new CalibrationGuest(subject.memory());
        subject.load(guest.prepare(Experiment.LOOP_USER, Integer.MAX_VALUE));
        subject.reopenToArm();
        int ends = 0;
        for (int i = 0; i < 20; ) {
          long armed = subject.count() + 300_000;
          Stop stop = subject.runFree(armed);
          if (stop == Stop.Paused.INTERRUPTED) {
            i += subject.count() >= armed ? 1 : 0;
          } else {
            // A busy host may hold the signal back until the guest has come to its end.
            assertThat(++ends).as("ends of the guest instead of overflows").isLessThan(10);
            subject.load(guest.prepare(Experiment.LOOP_USER, Integer.MAX_VALUE));
          }
        }
        // An overflow of what was armed last would come at once; patience or the guest's end ends
        // it,
        // a second later.
        long before = subject.count();
        Stop stop = subject.runFree(Long.MAX_VALUE);
        if (stop instanceof Stop.Exit(VcpuExit exit)) {
          assertThat(((VcpuExit.PortWrite) exit).port()).isEqualTo(CalibrationGuest.END);
        }
        assertThat(subject.count() - before).isGreaterThan(5_000_000);
      }
    });
  }

  @ParameterizedTest
  @EnumSource(
      value = Experiment.class,
      names = {"LOOP_KERNEL", "LOOP_USER", "EXIT", "KERNEL_EXIT", "EXCEPTION_USER", "PAGE_FAULT"})
  void experimentsRunToTheirEnd(Experiment experiment) throws InterruptedException {
    onItsOwnThread(() -> {
      try (Kvm kvm = Kvm.open();
          KvmSubject subject =
              KvmSubject.open(kvm, CounterEvent.ofTime(SoftwareEvent.TASK_CLOCK))) {
        CalibrationGuest guest = new CalibrationGuest(subject.memory());
        for (int round = 0; round < 2; round++) {
          CpuState start = guest.prepare(experiment, 20);
          subject.load(start);
          int rounds = 0;
          int port = -1;
          while (port != CalibrationGuest.END) {
            Stop stop = subject.runFree(Long.MAX_VALUE);
            VcpuExit exit = ((Stop.Exit) stop).exit();
            assertThat(exit).as("%s: %s", experiment, exit).isInstanceOf(VcpuExit.PortWrite.class);
            port = ((VcpuExit.PortWrite) exit).port();
            rounds += port == CalibrationGuest.ROUND ? 1 : 0;
            assertThat(port).isIn(CalibrationGuest.ROUND, CalibrationGuest.END);
          }
          assertThat(rounds).isEqualTo(experiment == Experiment.EXIT ? 20 : 0);
        }
      }
    });
  }

  private static void onItsOwnThread(Runnable body) throws InterruptedException {
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                body.run();
              } catch (Throwable e) {
                thrown[0] = e;
              }
            });
    thread.join();
    if (thrown[0] instanceof VmmException e) {
      abort(
          "the way from a counter to a kick is not tested: " + e.getMessage() + ". " + e.advice());
    }
    assertThat(thrown[0]).isNull();
  }
}
