package dev.lockstep.vmm.log;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.net.Frames;
import java.util.ArrayList;
import java.util.List;

/** Reads what one {@link EntryEncoder} wrote from its reset on. Bad bytes give {@link LogFormatException}, never anything else. */
public final class EntryDecoder {
  private static final int MAX_DISKS = 64;

  private final byte[] buffer;
  private final int end;
  private int at;
  private ExecutionPoint point = new ExecutionPoint(0, 0, 0);
  private long nanos;

  /** Reads {@code length} bytes from {@code from} on. */
  public EntryDecoder(byte[] buffer, int from, int length) {
    this.buffer = buffer;
    this.at = from;
    this.end = from + length;
  }

  /** Whether bytes are left. */
  public boolean hasNext() {
    return at < end;
  }

  /** The next entry. */
  public LogEntry next() throws LogFormatException {
    int head = octet();
    Moment moment = moment(head);
    return switch (head & EntryEncoder.KIND_MASK) {
      case EntryEncoder.CONSOLE_INPUT -> new LogEntry.ConsoleInput(moment, small(), bytes());
      case EntryEncoder.DISK_COMPLETION ->
          new LogEntry.DiskCompletion(moment, small(), number(), small());
      case EntryEncoder.ENTROPY_INPUT -> new LogEntry.EntropyInput(moment, small(), bytes());
      case EntryEncoder.CONTROL_INPUT ->
          new LogEntry.ControlInput(moment, pick(LogEntry.Control.values()), signed());
      case EntryEncoder.CLOCK -> clock(moment);
      case EntryEncoder.OUTPUT -> output(moment);
      case EntryEncoder.DIGEST -> new LogEntry.DigestEntry(moment, fixed(), fixed());
      case EntryEncoder.CHECKPOINT -> new LogEntry.CheckpointMark(moment, number(), digest());
      case EntryEncoder.END -> end(moment);
      case EntryEncoder.PROGRESS -> progress(moment, (head & EntryEncoder.PROMISES) != 0);
      case EntryEncoder.NETWORK_INPUT -> network(moment);
      case EntryEncoder.UNCERTAIN -> new LogEntry.UncertainFrom(moment);
      default -> throw new LogFormatException("entry of unknown kind %#x".formatted(head));
    };
  }

  private LogEntry progress(Moment moment, boolean promises) throws LogFormatException {
    long until = promises ? moment.count() + number() : moment.count();
    if (until < moment.count()) {
      throw new LogFormatException("a promise goes back to " + until);
    }
    return new LogEntry.ProgressMark(moment, until);
  }

  private LogEntry network(Moment moment) throws LogFormatException {
    int device = small();
    byte[] frames = bytes();
    if (Frames.count(frames) < 1) {
      throw new LogFormatException(
          "network input of %d bytes that are not frames".formatted(frames.length));
    }
    return new LogEntry.NetworkInput(moment, device, frames);
  }

  private LogEntry clock(Moment moment) throws LogFormatException {
    long step = number();
    long pace = number();
    if (step < 0 || pace < 1) {
      throw new LogFormatException("clock entry with step %d and pace %d".formatted(step, pace));
    }
    return new LogEntry.ClockEntry(moment, step, pace);
  }

  private LogEntry output(Moment moment) throws LogFormatException {
    int stream = small();
    long offset = number();
    int length = small();
    if (offset < 0 || length < 1) {
      throw new LogFormatException("output of %d bytes at %d".formatted(length, offset));
    }
    return new LogEntry.OutputEntry(moment, stream, offset, length, fixed());
  }

  private LogEntry end(Moment moment) throws LogFormatException {
    EndReason reason = pick(EndReason.values());
    if (!reason.endsLogs()) {
      throw new LogFormatException(
          "end of log with reason %s, with which replays end, but no log".formatted(reason));
    }
    int exitCode = (int) signed();
    int flag = octet();
    if (flag > 1) {
      throw new LogFormatException("end of log with flag %d".formatted(flag));
    }
    return new LogEntry.EndOfLog(moment, reason, exitCode, flag == 1 ? digest() : null);
  }

  private Moment moment(int head) throws LogFormatException {
    if ((head & EntryEncoder.PROMISES) != 0
        && (head & EntryEncoder.KIND_MASK) != EntryEncoder.PROGRESS) {
      throw new LogFormatException("entry of unknown kind %#x".formatted(head));
    }
    if ((head & EntryEncoder.SAME_POINT) == 0) {
      long count = point.branchCount() + number();
      long rip = point.rip() + signed();
      long rcx = point.rcx() + signed();
      long digest = (head & EntryEncoder.HAS_DIGEST) != 0 ? fixed() : 0;
      if (count < point.branchCount()) {
        throw new LogFormatException("branch count goes back to " + count);
      }
      point = new ExecutionPoint(count, rip, rcx, digest);
    }
    if ((head & EntryEncoder.HALTED) == 0) {
      return Moment.running(point);
    }
    nanos += signed();
    if (nanos < 0) {
      throw new LogFormatException("virtual time goes back to " + nanos);
    }
    return new Moment(point, nanos);
  }

  private MachineDigest digest() throws LogFormatException {
    long registers = fixed();
    long devices = fixed();
    long memory = fixed();
    int count = octet();
    if (count > MAX_DISKS) {
      throw new LogFormatException("a digest of %d disks".formatted(count));
    }
    List<Long> disks = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      disks.add(fixed());
    }
    return new MachineDigest(registers, devices, memory, disks);
  }

  private <T> T pick(T[] values) throws LogFormatException {
    int index = small();
    if (index >= values.length) {
      throw new LogFormatException(
          "%s number %d".formatted(values.getClass().getComponentType().getSimpleName(), index));
    }
    return values[index];
  }

  private byte[] bytes() throws LogFormatException {
    int length = small();
    if (length < 1 || length > EntryEncoder.MAX_INPUT_BYTES || length > end - at) {
      throw new LogFormatException("an input of %d bytes".formatted(length));
    }
    byte[] bytes = new byte[length];
    System.arraycopy(buffer, at, bytes, 0, length);
    at += length;
    return bytes;
  }

  private int small() throws LogFormatException {
    long value = number();
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw new LogFormatException(
          "number %s is too large".formatted(Long.toUnsignedString(value)));
    }
    return (int) value;
  }

  private long number() throws LogFormatException {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      int octet = octet();
      value |= (long) (octet & 0x7f) << shift;
      if ((octet & 0x80) == 0) {
        return value;
      }
    }
    throw new LogFormatException("a number of more than 64 bits");
  }

  private long signed() throws LogFormatException {
    long value = number();
    return (value >>> 1) ^ -(value & 1);
  }

  private long fixed() throws LogFormatException {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 8) {
      value |= (long) octet() << shift;
    }
    return value;
  }

  private int octet() throws LogFormatException {
    if (at >= end) {
      throw new LogFormatException("an entry is cut off");
    }
    return buffer[at++] & 0xff;
  }
}
