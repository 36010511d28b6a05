package dev.lockstep.cli.console;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Tells the guest's bytes from what is meant for the console. Ctrl-] begins a command of one key; by itself, without
 * another key for {@link #LEAVE_AFTER_MILLIS}, it leaves.
 */
final class EscapeKeys {
  /** Ctrl-]. */
  static final int ESCAPE = 0x1d;

  /** How long Ctrl-] waits for its second key. */
  static final long LEAVE_AFTER_MILLIS = 3_000;

  private static final int CTRL_MASK = 0x1f;

  private boolean escaped;

  /**
   * What came of some bytes.
   *
   * @param forGuest in their order
   * @param actions in their order
   */
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record Result(byte[] forGuest, List<ConsoleAction> actions) {}

  /** Takes bytes as they were typed. */
  Result type(byte[] bytes, int length) {
    ByteArrayOutputStream forGuest = new ByteArrayOutputStream(length);
    List<ConsoleAction> actions = new ArrayList<>();
    for (int i = 0; i < length; i++) {
      int key = bytes[i] & 0xff;
      if (!escaped) {
        if (key == ESCAPE) {
          escaped = true;
          actions.add(ConsoleAction.HELP);
        } else {
          forGuest.write(key);
        }
        continue;
      }
      escaped = false;
      switch (key) {
        case ESCAPE, 'q', 'Q', 'q' & CTRL_MASK -> actions.add(ConsoleAction.LEAVE);
        case 'd', 'D', 'd' & CTRL_MASK -> actions.add(ConsoleAction.CTRL_ALT_DEL);
        case 's', 'S', 's' & CTRL_MASK -> actions.add(ConsoleAction.STATUS);
        case 'w', 'W', 'w' & CTRL_MASK -> actions.add(ConsoleAction.SNAPSHOT);
        case ']' -> forGuest.write(ESCAPE);
        default -> {} // back to the guest
      }
    }
    return new Result(forGuest.toByteArray(), actions);
  }

  /** Whether the second key is awaited. */
  boolean pending() {
    return escaped;
  }

  /** No second key came. */
  ConsoleAction timeOut() {
    escaped = false;
    return ConsoleAction.LEAVE;
  }
}
