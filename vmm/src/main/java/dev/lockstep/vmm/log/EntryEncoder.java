package dev.lockstep.vmm.log;

import dev.lockstep.engine.ExecutionPoint;
import java.util.Arrays;

/**
 * Writes entries one after another, each moment as the difference to the one before. What it wrote since {@link #reset}
 * can be read by one {@link EntryDecoder}, and by nothing that begins later.
 *
 * <p>An entry: one byte with the kind (bits 0..3) and what follows of the moment (bit 4 halted, bit 5 the same point as
 * the entry before, bit 6 a register digest); then LEB128 numbers: count's difference, differences of RIP and RCX and
 * virtual time in zigzag; then the kind's own fields.
 */
public final class EntryEncoder {
  static final int CONSOLE_INPUT = 1;
  static final int DISK_COMPLETION = 2;
  static final int ENTROPY_INPUT = 3;
  static final int CONTROL_INPUT = 4;
  static final int CLOCK = 5;
  static final int OUTPUT = 6;
  static final int DIGEST = 7;
  static final int CHECKPOINT = 8;
  static final int END = 9;
  static final int PROGRESS = 10;
  static final int UNCERTAIN = 11;
  static final int NETWORK_INPUT = 12;

  static final int KIND_MASK = 0x0f;
  static final int HALTED = 0x10;
  static final int SAME_POINT = 0x20;
  static final int HAS_DIGEST = 0x40;

  /** Of a progress mark alone. */
  static final int PROMISES = 0x80;

  /** The most bytes of one console, entropy or network input. */
  public static final int MAX_INPUT_BYTES = 1 << 16;

  private byte[] buffer = new byte[512];
  private int size;
  private int entries;
  private ExecutionPoint point = new ExecutionPoint(0, 0, 0);
  private long nanos;

  /** Forgets everything: the next entry's moment is written in full. */
  public void reset() {
    size = 0;
    entries = 0;
    point = new ExecutionPoint(0, 0, 0);
    nanos = 0;
  }

  /** Bytes since the reset. */
  public int size() {
    return size;
  }

  /** Entries since the reset. */
  public int entries() {
    return entries;
  }

  /** A copy of the bytes since the reset. */
  public byte[] toByteArray() {
    return Arrays.copyOf(buffer, size);
  }

  /**
   * Adds an entry.
   *
   * @throws IllegalStateException if its moment lies before the last entry's
   */
  public void add(LogEntry entry) {
    switch (entry) {
      case LogEntry.ConsoleInput it -> {
        moment(CONSOLE_INPUT, it.at());
        number(it.device());
        bytes(it.bytes());
      }
      case LogEntry.DiskCompletion it -> {
        moment(DISK_COMPLETION, it.at());
        number(it.device());
        number(it.request());
        number(it.status());
      }
      case LogEntry.EntropyInput it -> {
        moment(ENTROPY_INPUT, it.at());
        number(it.device());
        bytes(it.bytes());
      }
      case LogEntry.NetworkInput it -> {
        moment(NETWORK_INPUT, it.at());
        number(it.device());
        bytes(it.frames());
      }
      case LogEntry.ControlInput it -> {
        moment(CONTROL_INPUT, it.at());
        number(it.control().ordinal());
        signed(it.argument());
      }
      case LogEntry.ClockEntry it -> {
        moment(CLOCK, it.at());
        number(it.stepNanos());
        number(it.pace());
      }
      case LogEntry.OutputEntry it -> {
        moment(OUTPUT, it.at());
        number(it.stream());
        number(it.offset());
        number(it.length());
        fixed(it.hash());
      }
      case LogEntry.DigestEntry it -> {
        moment(DIGEST, it.at());
        fixed(it.registers());
        fixed(it.devices());
      }
      case LogEntry.CheckpointMark it -> {
        moment(CHECKPOINT, it.at());
        number(it.id());
        digest(it.digest());
      }
      case LogEntry.EndOfLog it -> {
        moment(END, it.at());
        number(it.reason().ordinal());
        signed(it.exitCode());
        MachineDigest digest = it.digest();
        octet(digest == null ? 0 : 1);
        if (digest != null) {
          digest(digest);
        }
      }
      case LogEntry.UncertainFrom it -> moment(UNCERTAIN, it.at());
      case LogEntry.ProgressMark it -> {
        long promised = it.until() - it.at().count();
        moment(promised > 0 ? PROGRESS | PROMISES : PROGRESS, it.at());
        if (promised > 0) {
          number(promised);
        }
      }
    }
    entries++;
  }

  private void moment(int kind, Moment at) {
    ExecutionPoint next = at.point();
    long advance = next.branchCount() - point.branchCount();
    if (advance < 0) {
      throw new IllegalStateException("entry at %s after one at %s".formatted(at, point));
    }
    boolean same = next.equals(point);
    octet(
        kind
            | (at.halted() ? HALTED : 0)
            | (same ? SAME_POINT : 0)
            | (next.digest() != 0 ? HAS_DIGEST : 0));
    if (!same) {
      number(advance);
      signed(next.rip() - point.rip());
      signed(next.rcx() - point.rcx());
      if (next.digest() != 0) {
        fixed(next.digest());
      }
      point = next;
    }
    if (at.halted()) {
      signed(at.haltedNanos() - nanos);
      nanos = at.haltedNanos();
    }
  }

  private void digest(MachineDigest digest) {
    fixed(digest.registers());
    fixed(digest.devices());
    fixed(digest.memory());
    octet(digest.disks().size());
    for (long disk : digest.disks()) {
      fixed(disk);
    }
  }

  private void bytes(byte[] bytes) {
    if (bytes.length == 0 || bytes.length > MAX_INPUT_BYTES) {
      throw new IllegalStateException("an input of %d bytes".formatted(bytes.length));
    }
    number(bytes.length);
    reserve(bytes.length);
    System.arraycopy(bytes, 0, buffer, size, bytes.length);
    size += bytes.length;
  }

  /** Unsigned LEB128. */
  private void number(long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      octet((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    octet((int) rest);
  }

  private void signed(long value) {
    number((value << 1) ^ (value >> 63));
  }

  private void fixed(long value) {
    for (int shift = 0; shift < Long.SIZE; shift += 8) {
      octet((int) (value >>> shift));
    }
  }

  private void octet(int value) {
    reserve(1);
    buffer[size++] = (byte) value;
  }

  private void reserve(int more) {
    if (buffer.length - size < more) {
      buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + more));
    }
  }
}
