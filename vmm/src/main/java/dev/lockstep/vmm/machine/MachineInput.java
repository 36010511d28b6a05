package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.net.Frames;
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

  /**
   * Frames from a network, for the machine's only interface. What the guest does not take is lost.
   *
   * @param packed at least one frame, packed as {@link dev.lockstep.vmm.net.Frames} says, at most {@link dev.lockstep.vmm.log.EntryEncoder#MAX_INPUT_BYTES} bytes; not to be
   *     changed
   */
  @SuppressWarnings("ArrayRecordComponent") // handed on, never compared
  record NetworkFrames(byte[] packed) implements MachineInput {
    public NetworkFrames {
      if (packed.length > EntryEncoder.MAX_INPUT_BYTES || Frames.count(packed) < 1) {
        throw new IllegalArgumentException(
            "%d bytes that are not frames, or too many".formatted(packed.length));
      }
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
