package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing is lost between those that fill and the one that takes, whatever they wait for. */
@Timeout(60)
class InboxTest {
  private static final long FOR_EVER = Long.MAX_VALUE;

  private final Inbox inbox = new Inbox();

  @Test
  void nothingIsLostWhereSignalsMeetTimeouts() throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("InboxTest seed " + seed);
    Random random = new Random(seed);
    int each = 20_000;
    List<Thread> fillers = new ArrayList<>();
    for (int filler = 0; filler < 3; filler++) {
      int from = filler;
      fillers.add(Thread.ofPlatform().start(() -> fill(from, each)));
    }
    int[] next = new int[3];
    int taken = 0;
    while (taken < 3 * each) {
      // So short that it is often over in the moment when something comes.
      Object item = inbox.poll(random.nextInt(4) == 0 ? FOR_EVER : random.nextInt(20_000));
      if (item instanceof int[] it) {
        assertThat(it[1]).as("of filler %d, seed %d", it[0], seed).isEqualTo(next[it[0]]++);
        taken++;
      }
    }
    for (Thread filler : fillers) {
      filler.join();
    }
    assertThat(inbox.poll(0)).isNull();
  }

  private void fill(int filler, int count) {
    for (int i = 0; i < count; i++) {
      int[] item = {filler, i};
      switch (filler) {
        case 0 -> inbox.put(item);
        case 1 -> assertThat(inbox.offerFromPeer(item)).isTrue();
        default -> inbox.putFromVcpu(List.of(item));
      }
    }
  }

  @Test
  void theVcpuWaitsForRoom() throws Exception {
    inbox.putFromVcpu(Collections.nCopies(Inbox.VCPU_CAPACITY, "full"));
    Thread vcpu = Thread.ofPlatform().start(() -> inbox.putFromVcpu(List.of("last")));
    awaitState(vcpu, Thread.State.WAITING);
    inbox.put("own");
    for (int i = 0; i < Inbox.VCPU_CAPACITY; i++) {
      assertThat(inbox.poll(0)).isEqualTo("full");
    }
    assertThat(inbox.poll(0)).isEqualTo("own");
    vcpu.join();
    assertThat(inbox.poll(0)).isEqualTo("last");
  }

  @Test
  void whoeverWaitsHearsThatItIsClosed() throws Exception {
    AtomicReference<Throwable> refused = new AtomicReference<>();
    inbox.putFromVcpu(Collections.nCopies(Inbox.VCPU_CAPACITY, "full"));
    Thread vcpu =
        Thread.ofPlatform()
            .uncaughtExceptionHandler((thread, e) -> refused.set(e))
            .start(() -> inbox.putFromVcpu(List.of("last")));
    awaitState(vcpu, Thread.State.WAITING);
    inbox.close();
    vcpu.join();
    assertThat(refused.get()).isInstanceOf(VmmException.class);
    assertThat(inbox.offerFromPeer("late")).isFalse();
    assertThat(inbox.poll(FOR_EVER)).isNull();
    assertThatThrownBy(() -> inbox.putFromVcpu(List.of("late"))).isInstanceOf(VmmException.class);
  }

  @Test
  void closingWakesTheTaker() throws Exception {
    Thread taker = Thread.ofPlatform().start(() -> inbox.poll(TimeUnit.DAYS.toNanos(1)));
    awaitState(taker, Thread.State.TIMED_WAITING);
    inbox.close();
    taker.join();
  }

  private static void awaitState(Thread thread, Thread.State state) {
    while (thread.getState() != state) {
      Thread.onSpinWait();
    }
  }
}
