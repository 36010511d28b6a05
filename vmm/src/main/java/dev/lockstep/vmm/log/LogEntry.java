package dev.lockstep.vmm.log;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One entry of the event log. Entries are in the order in which they took effect. A replica never runs past the moment
 * of the last entry it holds.
 *
 * <p>Devices and output streams are named by their index in {@link LogHeader#devices()}.
 */
public sealed interface LogEntry {
  /** When it took effect. */
  Moment at();

  /** Something from outside that the guest's future depends on: a replica applies it at exactly this moment. */
  sealed interface Input extends LogEntry {}

  /**
   * Bytes for a console device.
   *
   * @param device index of the UART or console
   * @param bytes at least one
   */
  record ConsoleInput(Moment at, int device, byte[] bytes) implements Input {
    public ConsoleInput {
      bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
      return bytes.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof ConsoleInput that
          && at.equals(that.at)
          && device == that.device
          && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
      return 31 * at.hashCode() + Arrays.hashCode(bytes);
    }
  }

  /**
   * A disk request is done: its data (of a read) reach guest memory and the guest is told at this moment. A replica
   * stalls here until its own I/O for the request is done.
   *
   * @param device index of the disk device
   * @param request the device's number of the request
   * @param status what the device reports to the guest ({@code DiskStatus}: 0 done, 1 I/O error)
   */
  record DiskCompletion(Moment at, int device, long request, int status) implements Input {}

  /**
   * Random bytes for an entropy device.
   *
   * @param device index of the device
   * @param bytes at least one
   */
  record EntropyInput(Moment at, int device, byte[] bytes) implements Input {
    public EntropyInput {
      bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
      return bytes.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof EntropyInput that
          && at.equals(that.at)
          && device == that.device
          && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
      return 31 * at.hashCode() + Arrays.hashCode(bytes);
    }
  }

  /**
   * Frames for a network device.
   *
   * @param device index of the device
   * @param frames at least one, packed as {@link dev.lockstep.vmm.net.Frames} says
   */
  record NetworkInput(Moment at, int device, byte[] frames) implements Input {
    public NetworkInput {
      frames = frames.clone();
    }

    @Override
    public byte[] frames() {
      return frames.clone();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof NetworkInput that
          && at.equals(that.at)
          && device == that.device
          && Arrays.equals(frames, that.frames);
    }

    @Override
    public int hashCode() {
      return 31 * at.hashCode() + Arrays.hashCode(frames);
    }
  }

  /** What an operator or the machine itself does to the guest. The order is part of the format. */
  enum Control {
    /** Ctrl-Alt-Del on the keyboard. No argument. */
    CTRL_ALT_DEL,
    /** The wall clock (RTC) is moved; argument: nanoseconds to add, may be negative. */
    RTC_STEP,
    /** The guest is asked to announce its network interface. No argument. */
    NETWORK_ANNOUNCE
  }

  /**
   * A control input.
   *
   * @param argument as {@link Control} says, else 0
   */
  record ControlInput(Moment at, Control control, long argument) implements Input {}

  /**
   * Virtual time is moved and given a new pace from this moment on.
   *
   * @param stepNanos added to virtual time; not negative
   * @param pace nanoseconds of virtual time per branch, in units of 2^-16; at least 1
   */
  record ClockEntry(Moment at, long stepNanos, long pace) implements Input {}

  /**
   * By this moment the guest has produced the bytes up to {@code offset + length} of a stream, and no more. An output
   * leaves only after its own entry is committed.
   *
   * @param stream index of the device that the bytes come from
   * @param offset of the first byte since the machine was created
   * @param length bytes, at least 1
   * @param hash XXH3 of the bytes
   */
  record OutputEntry(Moment at, int stream, long offset, int length, long hash)
      implements LogEntry {
    /** Offset of the first byte after it. */
    public long end() {
      return offset + length;
    }
  }

  /**
   * The state at this moment, to compare with a replica's.
   *
   * @param registers {@link dev.lockstep.engine.CpuState#digest}
   * @param devices hash over every device's state and the virtual time
   */
  record DigestEntry(Moment at, long registers, long devices) implements LogEntry {}

  /**
   * A checkpoint or snapshot was taken here; guest-visible state did not change.
   *
   * @param id the checkpoint's number, unique within the log
   * @param digest of registers, devices and memory
   */
  record CheckpointMark(Moment at, long id, MachineDigest digest) implements LogEntry {}

  /**
   * The last entry of a complete log.
   *
   * @param reason one that {@link EndReason#endsLogs}
   * @param exitCode what the guest gave to the debug-exit port, else 0
   * @param digest of the final state, or null if nobody asked for it
   */
  record EndOfLog(Moment at, EndReason reason, int exitCode, @Nullable MachineDigest digest)
      implements LogEntry {
    public EndOfLog {
      if (!reason.endsLogs()) {
        throw new IllegalArgumentException(
            "%s is the end of a replay, not of a log".formatted(reason));
      }
    }
  }

  /**
   * Up to here the execution is certain. Later inputs of a machine without a branch counter took effect at points that no other execution can be led to: a replay ends here.
   */
  record UncertainFrom(Moment at) implements LogEntry {}

  /**
   * The primary's word that no input takes effect before this moment. Travels to backups only, never into a file.
   *
   * <p>It may be a promise as well: from this moment on none does until the guest's branch count has come to {@code until}, or the guest waits halted, whichever comes first. A backup may
   * run so far at once, beside its primary. An output is no input: where it lies follows from the execution.
   *
   * @param until at least the moment's own count, which promises nothing
   */
  record ProgressMark(Moment at, long until) implements LogEntry {
    public ProgressMark {
      if (until < at.count()) {
        throw new IllegalArgumentException("a promise until %d from %s".formatted(until, at));
      }
    }

    /** One that promises nothing. */
    public ProgressMark(Moment at) {
      this(at, at.count());
    }
  }
}
