package dev.lockstep.ft.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.control.proto.Event;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Events by number: bounded, in order, and a gap is told. */
final class EventRingTest {
  private final EventRing ring = new EventRing(4);

  private Event next(long after) throws InterruptedException {
    return Objects.requireNonNull(ring.await(after));
  }

  @Test
  void whoReadsInTimeGetsEveryEvent() throws Exception {
    for (int i = 1; i <= 4; i++) {
      ring.note("vm", "note " + i);
    }
    long after = 0;
    for (int i = 1; i <= 4; i++) {
      Event event = next(after);
      assertThat(event.getNote()).isEqualTo("note " + i);
      after = event.getSequence();
    }
    assertThat(after).isEqualTo(ring.newest()).isEqualTo(4);
  }

  @Test
  void whoIsTooSlowIsToldHowManyWereMissed() throws Exception {
    for (int i = 1; i <= 10; i++) {
      ring.note("vm", "note " + i);
    }
    Event gap = next(2);
    assertThat(gap.getMissed()).isEqualTo(4);
    assertThat(gap.getSequence()).isEqualTo(6);
    assertThat(next(gap.getSequence()).getNote()).isEqualTo("note 7");
  }

  @Test
  void whoWaitsIsWokenAndInTheEndToldThatThereIsNoMore() throws Exception {
    CompletableFuture<String> woken = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(() -> {
          try {
            Event first = next(0);
            woken.complete(first.getNote() + " " + (ring.await(first.getSequence()) == null));
          } catch (InterruptedException e) {
            woken.completeExceptionally(e);
          }
        });
    ring.note("vm", "last");
    ring.close();
    assertThat(woken.get(30, TimeUnit.SECONDS)).isEqualTo("last true");
  }
}
