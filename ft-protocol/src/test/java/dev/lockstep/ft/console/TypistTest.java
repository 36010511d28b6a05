package dev.lockstep.ft.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is typed reaches a guest whole and in order, however it takes it, or not at all from some piece on. */
class TypistTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final ByteArrayOutputStream taken = new ByteArrayOutputStream();

  private byte[] some(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  @Test
  void aGuestThatTakesInputNowAndThenGetsAllOfItInOrder() throws Exception {
    System.out.println("TypistTest seed " + seed);
    byte[] bytes = some(20_000 + random.nextInt(5_000));
    Typist typist =
        new Typist(piece -> {
          boolean takes = random.nextInt(3) == 0;
          if (takes) {
            taken.writeBytes(piece);
          }
          return takes;
        });
    assertThat(typist.type(bytes, () -> true)).isTrue();
    assertThat(typist.type(new byte[0], () -> false)).as("nothing").isTrue();
    assertThat(taken.toByteArray()).as("seed %d", seed).isEqualTo(bytes);
  }

  @Test
  void whoGivesUpHasTypedWholePiecesAndNoMore() throws Exception {
    byte[] bytes = some(5_000);
    Typist typist =
        new Typist(piece -> {
          boolean takes = taken.size() == 0;
          if (takes) {
            taken.writeBytes(piece);
          }
          return takes;
        });
    assertThat(typist.type(bytes, () -> false)).isFalse();
    assertThat(taken.size()).isBetween(1, bytes.length - 1);
    assertThat(taken.toByteArray())
        .as("seed %d", seed)
        .isEqualTo(Arrays.copyOf(bytes, taken.size()));
  }
}
