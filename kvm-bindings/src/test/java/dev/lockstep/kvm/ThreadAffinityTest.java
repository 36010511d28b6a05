package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import org.junit.jupiter.api.Test;

final class ThreadAffinityTest {
  @Test
  void aThreadStaysWhereItIsPut() throws InterruptedException {
    Throwable[] thrown = new Throwable[1];
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                Set<Integer> before = ThreadAffinity.current();
                assertThat(before).isNotEmpty();
                int one = before.iterator().next();
                ThreadAffinity.keepOn(Set.of(one));
                assertThat(ThreadAffinity.current()).containsExactly(one);
                assertThatThrownBy(() -> ThreadAffinity.keepOn(Set.of(8191)))
                    .isInstanceOf(KvmException.class)
                    .hasMessageContaining("sched_setaffinity");
                assertThatThrownBy(() -> ThreadAffinity.keepOn(Set.of()))
                    .isInstanceOf(IllegalArgumentException.class);
                ThreadAffinity.keepOn(before);
                assertThat(ThreadAffinity.current()).isEqualTo(before);
              } catch (Throwable e) {
                thrown[0] = e;
              }
            });
    thread.join();
    assertThat(thrown[0]).isNull();
  }
}
