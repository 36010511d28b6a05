package dev.lockstep.vmm.machine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What can be done to a live machine from outside ({@link Machine#inject}); it becomes a log entry when it takes effect. */
public sealed interface MachineInput {
  /**
   * Bytes typed into a console.
   *
   * @param device index of the UART or console
   * @param bytes 1 to {@link dev.lockstep.vmm.log.EntryEncoder#MAX_INPUT_BYTES}
   */
  record ConsoleBytes(int device, byte[] bytes) implements MachineInput {
    public ConsoleBytes {
      bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
      return bytes.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof ConsoleBytes that
          && device == that.device
          && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
      return 31 * device + Arrays.hashCode(bytes);
    }
  }

  /** Ctrl-Alt-Del on the keyboard: the graceful stop. */
  record CtrlAltDel() implements MachineInput {}

  /**
   * Moves the guest's wall clock.
   *
   * @param nanos to add; may be negative
   */
  record WallClockStep(long nanos) implements MachineInput {}
}
