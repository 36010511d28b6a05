package dev.lockstep.vmm.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Named states: what does not fit is refused, and the message says which field. */
class DeviceStateTest {
  private static DeviceState state(long number) {
    return new StateWriter("thing", 3)
        .number("count", number)
        .flag("on", true)
        .bytes("data", new byte[] {1, 2, 3})
        .numbers("list", 5, -6)
        .state();
  }

  @Test
  void comesBackAsItWas() {
    DeviceState back = DeviceState.decode(state(-7).encode());
    assertThat(back).isEqualTo(state(-7)).hasSameHashCodeAs(state(-7));
    StateReader in = back.reader("thing", 3);
    assertThat(in.number("count")).isEqualTo(-7);
    assertThat(in.flag("on")).isTrue();
    assertThat(in.bytes("data", 3)).containsExactly(1, 2, 3);
    assertThat(in.numbers("list")).containsExactly(5, -6);
    in.end();
  }

  @Test
  void differencesAreNamed() {
    assertThat(state(1).differences(state(1))).isEmpty();
    assertThat(state(1).differences(state(2))).containsExactly("count: 0x1 / 0x2");
    assertThat(state(1).differences(new StateWriter("thing", 4).state()))
        .containsExactly("kind: thing v3 / thing v4");
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    assertThatThrownBy(() -> state(1).reader("other", 3))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("'thing'")
        .hasMessageContaining("'other'");
    assertThatThrownBy(() -> state(1).reader("thing", 4)).hasMessageContaining("version 3");
    StateReader in = state(300).reader("thing", 3);
    assertThatThrownBy(() -> in.octet("count"))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("'count' is 300, outside 0..255");
    assertThatThrownBy(() -> in.number("off")).hasMessageContaining("'off' is missing; 'on'");
    assertThatThrownBy(() -> in.bytes("data", 4)).hasMessageContaining("3 bytes, not 4");
    assertThatThrownBy(in::end).hasMessageContaining("'list' is not known");
  }

  @Test
  void damagedBytesAreRefused() {
    byte[] good = state(1).encode();
    for (int length = 0; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      assertThatThrownBy(() -> DeviceState.decode(cut)).isInstanceOf(VmmException.class);
    }
    byte[] longer = Arrays.copyOf(good, good.length + 1);
    assertThatThrownBy(() -> DeviceState.decode(longer)).isInstanceOf(VmmException.class);
  }

  @Test
  void nothingThatIsReadBreaksTheProgram() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("DeviceStateTest seed " + seed);
    Random random = new Random(seed);
    byte[] good = state(1).encode();
    for (int i = 0; i < 5000; i++) {
      byte[] bad = good.clone();
      bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      try {
        StateReader in = DeviceState.decode(bad).reader("thing", 3);
        in.number("count");
        in.flag("on");
        in.bytes("data", 3);
        in.numbers("list");
        in.end();
      } catch (VmmException expected) {
        assertThat(expected.advice()).isNotBlank();
      }
    }
  }
}
