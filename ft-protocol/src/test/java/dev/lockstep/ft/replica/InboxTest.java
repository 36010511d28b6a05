package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing is lost between those that fill and the one that takes, whatever they wait for. */
@Timeout(60)
class InboxTest {
  private final AtomicInteger woken = new AtomicInteger();
  private final Inbox inbox = new Inbox(woken::incrementAndGet);

  @Test
  void whoeverWasToldThatNothingWaitsIsWokenOnce() {
    inbox.put("before anybody has asked");
    assertThat(woken).hasValue(0);
    assertThat(inbox.hasItems()).isTrue();
    assertThat(inbox.poll()).isEqualTo("before anybody has asked");
    inbox.put("while somebody takes");
    assertThat(woken).hasValue(0);
    assertThat(inbox.poll()).isEqualTo("while somebody takes");
    assertThat(inbox.poll()).isNull();
    inbox.put("before he asks");
    assertThat(woken).hasValue(0);
    assertThat(inbox.hasItems()).isTrue();
    assertThat(inbox.poll()).isEqualTo("before he asks");
    // Whoever takes so many and no more need not have found nothing.
    assertThat(inbox.hasItems()).isFalse();
    inbox.put("a");
    assertThat(inbox.offerFromPeer("b")).isTrue();
    inbox.putFromVcpu(List.of("c", "d"));
    assertThat(woken).hasValue(1);
    for (String next : List.of("a", "b", "c", "d")) {
      assertThat(inbox.poll()).isEqualTo(next);
    }
    assertThat(inbox.hasItems()).isFalse();
    assertThat(inbox.offerFromPeer("e")).isTrue();
    assertThat(woken).hasValue(2);
    assertThat(inbox.poll()).isEqualTo("e");
    assertThat(inbox.hasItems()).isFalse();
    inbox.putFromVcpu(List.of("f"));
    assertThat(woken).hasValue(3);
  }

  @Test
  void theVcpuWaitsForRoom() throws Exception {
    inbox.putFromVcpu(Collections.nCopies(Inbox.VCPU_CAPACITY, "full"));
    Thread vcpu = Thread.ofPlatform().start(() -> inbox.putFromVcpu(List.of("last")));
    awaitState(vcpu, Thread.State.WAITING);
    inbox.put("own");
    for (int i = 0; i < Inbox.VCPU_CAPACITY; i++) {
      assertThat(inbox.poll()).isEqualTo("full");
    }
    assertThat(inbox.poll()).isEqualTo("own");
    vcpu.join();
    assertThat(inbox.poll()).isEqualTo("last");
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
    assertThat(inbox.poll()).isNull();
    assertThatThrownBy(() -> inbox.putFromVcpu(List.of("late"))).isInstanceOf(VmmException.class);
  }

  private static void awaitState(Thread thread, Thread.State state) {
    while (thread.getState() != state) {
      Thread.onSpinWait();
    }
  }
}
