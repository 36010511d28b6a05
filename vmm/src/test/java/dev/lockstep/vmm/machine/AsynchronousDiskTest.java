package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** A host's disk that does not answer keeps the guest's requests waiting, and not the guest. */
class AsynchronousDiskTest {
  /** Answers nothing until it is opened. */
  private static final class SlowStore implements BlockStore {
    final CountDownLatch asked = new CountDownLatch(1);
    final CountDownLatch opened = new CountDownLatch(1);

    @Override
    public String name() {
      return "slow";
    }

    @Override
    public long sizeBytes() {
      return DiskGuest.DISK_BYTES;
    }

    @Override
    public boolean readOnly() {
      return false;
    }

    @Override
    public void read(long offset, ByteBuffer into) {
      pass();
      into.position(into.limit());
    }

    @Override
    public void write(long offset, ByteBuffer from) {
      pass();
      from.position(from.limit());
    }

    private void pass() {
      asked.countDown();
      try {
        opened.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  /** Counts what completes. */
  private static final class Completions implements LogSink {
    final AtomicInteger count = new AtomicInteger();

    @Override
    public void begin(Supplier<LogHeader> header) {}

    @Override
    public void append(long sequence, LogEntry entry) {
      if (entry instanceof LogEntry.DiskCompletion) {
        count.incrementAndGet();
      }
    }

    @Override
    public void end() {}
  }

  // With free pacing a halted guest's time waits for its disk: nothing else would tell how long
  // that takes.
  @Test
  void theGuestRunsWhileItsRequestsWait() throws Exception {
    SlowStore store = new SlowStore();
    Completions completions = new Completions();
    Machines.Console console = new Machines.Console();
    try (Machine machine =
        Machines.FACTORY.create(
            Machines.spec(Pacing.HOST),
            List.of(new MachineDisk("vda", store)),
            DiskGuest.create())) {
      try {
        machine.start(completions, new DirectGate(console), 1);
        store.asked.await();
        int printed = console.size();
        long branches = machine.status().branchCount();
        await()
            .until(() ->
                console.size() > printed + 20
                    && machine.status().branchCount() > branches + 1_000_000);
        assertThat(completions.count).hasValue(0);
      } finally {
        store.opened.countDown();
      }
      await().until(() -> completions.count.get() > 100);
      machine.stop();
      Machines.await(machine);
    }
  }
}
