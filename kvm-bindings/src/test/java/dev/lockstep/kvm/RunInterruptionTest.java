package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.memory.Mappings;
import dev.lockstep.kvm.perf.PerfAttributes;
import dev.lockstep.kvm.perf.PerfEvent;
import dev.lockstep.kvm.perf.PerfFlag;
import dev.lockstep.kvm.perf.SoftwareEvent;
import dev.lockstep.kvm.uffd.FaultMode;
import dev.lockstep.kvm.uffd.UserFaults;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/** What ends or holds up a KVM_RUN from outside: a counter's overflow, a page that this process has yet to give. */
@Timeout(60)
final class RunInterruptionTest {
  private static final long PAGE = Mappings.pageSize();

  @BeforeEach
  void deviceIsThere() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: runs and counters are not tested together");
  }

  /** A thread that ends gets the signal mask back that it had before Java, so a signal that is left for it would end the process. */
  @Test
  void whatWasSentToAnOwnerDoesNotOutliveIt() throws Exception {
    try (KvmTest.Guest guest = new KvmTest.Guest(0xeb, 0xfe)) {
      for (int i = 0; i < 50; i++) {
        Thread owner =
            Thread.ofPlatform()
                .start(() -> {
                  guest.vcpu.bindToThread();
                  try (KickTimer timer = new KickTimer()) {
                    timer.set(1);
                    guest.vcpu.kick();
                  }
                  guest.vcpu.unbind();
                  guest.vcpu.kick();
                });
        owner.join();
        assertThat(guest.vcpu.takeKick()).isTrue();
      }
    }
  }

  @Test
  void aCountersOverflowEndsARun() throws Exception {
    // jmp to itself
    try (KvmTest.Guest guest = new KvmTest.Guest(0xeb, 0xfe);
        ExecutorService owner = Executors.newSingleThreadExecutor()) {
      Future<?> done =
          owner.submit(() -> {
            guest.vcpu.bindToThread();
            PerfAttributes clock =
                PerfAttributes.of(SoftwareEvent.TASK_CLOCK)
                    .with(PerfFlag.DISABLED, PerfFlag.PINNED)
                    .withSamplePeriod(1_000_000)
                    .withWakeupEvents(1);
            try (PerfEvent counter = openCounter(clock)) {
              counter.signalOverflowTo(Libc.gettid(), KickSignal.NUMBER);
              for (int i = 0; i < 20; i++) {
                counter.reset();
                counter.setPeriod(1_000_000 + 100_000 * i);
                counter.refresh(1);
                assertThat(guest.vcpu.run()).isEqualTo(-Errno.EINTR);
                assertThat(guest.vcpu.takeKick())
                    .as("the signal was no kick of another thread")
                    .isFalse();
              }
            }
            return null;
          });
      await(done);
    }
  }

  @Test
  void aGuestWaitsForAPageThatIsNotThereYet() throws Exception {
    long page = 0x50_000;
    // mov al, [0x50003]; out 0x10, al; mov [0x51000], al; hlt
    int[] code = {0xa0, 0x03, 0x00, 0x05, 0x00, 0xe6, 0x10, 0xa2, 0x00, 0x10, 0x05, 0x00, 0xf4};
    try (Arena arena = Arena.ofShared();
        KvmTest.Guest guest = new KvmTest.Guest(code);
        UserFaults faults = openFaults();
        ExecutorService owner = Executors.newSingleThreadExecutor()) {
      faults.register(guest.memory.asSlice(page, 2 * PAGE), Set.of(FaultMode.MISSING));
      MemorySegment content = Mappings.anonymous(arena, PAGE);
      content.set(ValueLayout.JAVA_BYTE, 3, (byte) 0x77);
      Future<Byte> written =
          owner.submit(() -> {
            guest.vcpu.bindToThread();
            assertThat(guest.vcpu.run()).isZero();
            MemorySegment run = guest.vcpu.runArea();
            assertThat(kvm_run.exit_reason(run)).isEqualTo(LinuxKvm.KVM_EXIT_IO());
            byte out = run.get(ValueLayout.JAVA_BYTE, kvm_run.io.data_offset(kvm_run.io(run)));
            assertThat(guest.vcpu.run()).isZero();
            assertThat(kvm_run.exit_reason(run)).isEqualTo(LinuxKvm.KVM_EXIT_HLT());
            return out;
          });
      for (long expected = page; expected <= page + PAGE; expected += PAGE) {
        assertThat(faults.await(20_000)).isEqualTo(1);
        assertThat(faults.next()).isTrue();
        assertThat(faults.address() & -PAGE).isEqualTo(guest.memory.address() + expected);
        assertThat(faults.copy(faults.address() & -PAGE, content)).isEqualTo(PAGE);
      }
      assertThat(await(written)).isEqualTo((byte) 0x77);
      assertThat(guest.memory.get(ValueLayout.JAVA_BYTE, page + PAGE)).isEqualTo((byte) 0x77);
    }
  }

  /** The result, or what the thread threw, as it threw it. */
  private static <T> T await(Future<T> future) throws Exception {
    try {
      return future.get(30, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TestAbortedException aborted) {
        throw aborted;
      }
      throw e;
    }
  }

  private static PerfEvent openCounter(PerfAttributes attributes) {
    try {
      return PerfEvent.openOnThread(attributes, 0);
    } catch (KvmException e) {
      return abort("overflows and runs are not tested: " + e.getMessage() + ". " + e.advice());
    }
  }

  private static UserFaults openFaults() {
    try {
      return UserFaults.open(Set.of());
    } catch (KvmException e) {
      return abort("a guest's missing pages are not tested: " + e.getMessage() + ". " + e.advice());
    }
  }
}
