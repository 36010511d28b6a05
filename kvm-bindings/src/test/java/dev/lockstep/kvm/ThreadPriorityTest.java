package dev.lockstep.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** In a process of its own, since what is made urgent stays so. */
class ThreadPriorityTest {
  /** Prints the nice values that threads have. */
  static final class Urgent {
    private Urgent() {}

    public static void main(String[] arguments) throws Exception {
      int before = ThreadPriority.own();
      boolean may = ThreadPriority.makeProcessUrgent();
      int[] seen = new int[2];
      Thread.ofPlatform()
          .start(() -> {
            seen[0] = ThreadPriority.own();
            ThreadPriority.makeOrdinary();
            seen[1] = ThreadPriority.own();
          })
          .join();
      System.out.printf("%d %b %d %d %d%n", before, may, ThreadPriority.own(), seen[0], seen[1]);
    }
  }

  @Test
  @Timeout(60)
  void threadsAreUrgentButThoseThatAreNot() throws Exception {
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-cp",
                    System.getProperty("java.class.path"),
                    Urgent.class.getName()))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(50, TimeUnit.SECONDS)).isTrue();
    String[] words = said.strip().split(" ");
    int before = ThreadPriority.own();
    assertThat(words[0]).as(said).isEqualTo(Integer.toString(before));
    assumeTrue(
        words[1].equals("true"), "SKIPPED: raising a priority takes CAP_SYS_NICE on this host");
    String urgent = Integer.toString(ThreadPriority.URGENT_NICE);
    assertThat(words).containsExactly(words[0], "true", urgent, urgent, Integer.toString(before));
  }
}
