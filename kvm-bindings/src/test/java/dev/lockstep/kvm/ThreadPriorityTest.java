package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In a process of its own, since what is made urgent stays so. */
class ThreadPriorityTest {
  /** Prints how urgent threads are. */
  static final class Urgent {
    private Urgent() {}

    public static void main(String[] arguments) throws Exception {
      ThreadPriority.Urgency before = ThreadPriority.own();
      ThreadPriority.Urgency may = ThreadPriority.makeProcessUrgent();
      ThreadPriority.Urgency[] seen = new ThreadPriority.Urgency[2];
      Thread.ofPlatform()
          .start(() -> {
            seen[0] = ThreadPriority.own();
            ThreadPriority.makeOrdinary();
            seen[1] = ThreadPriority.own();
          })
          .join();
      System.out.printf("%s %s %s %s %s%n", before, may, ThreadPriority.own(), seen[0], seen[1]);
    }
  }

  @Test
  @Timeout(60)
  void threadsAreUrgentButThoseThatAreNot() throws Exception {
    String[] words = urgent(2);
    assertThat(words).containsExactly("NONE", words[1], words[1], words[1], "NONE");
  }

  /** There the compilers would never get the processor that a real-time thread spins on. */
  @Test
  @Timeout(60)
  void nobodyIsARealTimeThreadOnTheOnlyProcessor() throws Exception {
    assertThat(urgent(1)).containsExactly("NONE", "NICE", "NICE", "NICE", "NONE");
  }

  /** Keeps every processor busy with real-time threads until they are ordinary ones, rests until they are real-time ones again, and says so. */
  static final class Busy {
    private Busy() {}

    public static void main(String[] arguments) throws Exception {
      ThreadPriority.Urgency may = ThreadPriority.makeProcessUrgent();
      if (may != ThreadPriority.Urgency.REAL_TIME) {
        System.out.println("not NONE");
        return;
      }
      Thread[] busy = new Thread[Runtime.getRuntime().availableProcessors()];
      for (int i = 0; i < busy.length; i++) {
        busy[i] =
            Thread.ofPlatform()
                .start(() -> {
                  while (ThreadPriority.own() == may) {
                    Thread.onSpinWait();
                  }
                  while (ThreadPriority.own() != may) {
                    LockSupport.parkNanos(1_000_000);
                  }
                });
      }
      for (Thread thread : busy) {
        thread.join();
      }
      System.out.printf("%d %s%n", busy.length, may);
    }
  }

  /** The kernel would let the others on after a second at the earliest, and change no thread's policy. */
  @Test
  @Timeout(60)
  void aRealTimeThreadThatKeepsItsProcessorBusyIsOrdinaryForAWhile() throws Exception {
    String[] words = said(Busy.class, 2);
    assertThat(words[1]).isEqualTo("REAL_TIME");
  }

  /** What a process with so many processors says. */
  private static String[] urgent(int processors) throws Exception {
    return said(Urgent.class, processors);
  }

  private static String[] said(Class<?> program, int processors) throws Exception {
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-XX:ActiveProcessorCount=" + processors,
                    "-cp",
                    System.getProperty("java.class.path"),
                    program.getName()))
            .redirectErrorStream(true)
            .start();
    // It says little, which its pipe holds. A read would wait for a process that does not end.
    boolean ended = process.waitFor(30, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly();
    }
    assertThat(ended).as("ended by itself").isTrue();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String[] words = said.strip().split(" ");
    assumeTrue(
        !words[1].equals("NONE"), "SKIPPED: raising a priority takes CAP_SYS_NICE on this host");
    return words;
  }

  @Test
  void aSliceIsTheCallingThreadsOwn() throws Exception {
    long usual = ThreadPriority.slice();
    assumeTrue(usual > 0, "SKIPPED: this kernel has no slices for ordinary threads (Linux 6.12)");
    long[] seen = new long[2];
    Thread.ofPlatform()
        .start(() -> {
          seen[0] = ThreadPriority.setSlice(250_000) ? 1 : 0;
          seen[1] = ThreadPriority.slice();
        })
        .join();
    assertThat(seen).containsExactly(1, 250_000);
    assertThat(ThreadPriority.slice()).isEqualTo(usual).isNotEqualTo(250_000);
  }
}
