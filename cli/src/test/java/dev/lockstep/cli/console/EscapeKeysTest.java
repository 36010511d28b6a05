package dev.lockstep.cli.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** What is typed reaches the guest, but for what follows Ctrl-]. */
final class EscapeKeysTest {
  private final EscapeKeys keys = new EscapeKeys();

  @Test
  void everythingElseReachesTheGuest() {
    byte[] all = new byte[256];
    for (int i = 0; i < 256; i++) {
      all[i] = (byte) (i == EscapeKeys.ESCAPE ? 'x' : i);
    }
    EscapeKeys.Result result = keys.type(all, all.length);
    assertThat(result.forGuest()).isEqualTo(all);
    assertThat(result.actions()).isEmpty();
  }

  @Test
  void escapeTakesOneKey() {
    check("a\u001ddb", "ab", ConsoleAction.HELP, ConsoleAction.CTRL_ALT_DEL);
    check("\u001ds", "", ConsoleAction.HELP, ConsoleAction.STATUS);
    check("\u001dq", "", ConsoleAction.HELP, ConsoleAction.LEAVE);
    check("\u001d\u001d", "", ConsoleAction.HELP, ConsoleAction.LEAVE);
    check("\u001d]z", "\u001dz", ConsoleAction.HELP);
    check("\u001dxy", "y", ConsoleAction.HELP);
  }

  @Test
  void theSecondKeyMayComeLater() {
    check("\u001d", "", ConsoleAction.HELP);
    assertThat(keys.pending()).isTrue();
    check("d", "", ConsoleAction.CTRL_ALT_DEL);
    assertThat(keys.pending()).isFalse();
    check("d", "d");
  }

  @Test
  void escapeByItselfLeaves() {
    check("\u001d", "", ConsoleAction.HELP);
    assertThat(keys.timeOut()).isEqualTo(ConsoleAction.LEAVE);
    assertThat(keys.pending()).isFalse();
  }

  private void check(String typed, String forGuest, ConsoleAction... actions) {
    byte[] bytes = typed.getBytes(StandardCharsets.ISO_8859_1);
    EscapeKeys.Result result = keys.type(bytes, bytes.length);
    assertThat(new String(result.forGuest(), StandardCharsets.ISO_8859_1)).isEqualTo(forGuest);
    assertThat(result.actions()).containsExactly(actions);
  }
}
