package dev.lockstep.vmm.trace;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A piece of straight-line code, as the column CODE defines it. */
final class TraceCode {
  private static final int MAX_BYTES = 4096 + 15;
  private static final int MAX_INSTRUCTION = 15;

  /** Its number in the file; -1 until it is written. */
  int id;

  /** Its number among what the collector has seen. */
  int index;

  final long rip;

  /** 64, 32 or 16. */
  final int bits;

  final int ring;
  final byte[] bytes;

  /** Where each instruction begins, and at last where the code ends. */
  final int[] starts;

  /** What kind of transfer its last instruction is; null if it is none. */
  final @Nullable BranchKind branch;

  TraceCode(int id, long rip, int bits, int ring, byte[] bytes, int[] starts) {
    this.id = id;
    this.rip = rip;
    this.bits = bits;
    this.ring = ring;
    this.bytes = bytes;
    this.starts = starts;
    this.branch = BranchKind.of(code(starts.length - 2), bits);
  }

  int instructions() {
    return starts.length - 1;
  }

  /** An instruction's address; that of the number after the last is where control goes if it falls through. */
  long address(int instruction) {
    long address = rip + starts[instruction];
    return bits == 64 ? address : address & 0xffff_ffffL;
  }

  /** An instruction's bytes. */
  byte[] code(int instruction) {
    return Arrays.copyOfRange(bytes, starts[instruction], starts[instruction + 1]);
  }

  /** Writes it; {@code last} is the RIP of the one written before. */
  void write(ColumnWriter out, long last) {
    out.signed(rip - last);
    out.put(bits | ring);
    out.number(instructions());
    for (int i = 0; i < instructions(); i++) {
      out.put(starts[i + 1] - starts[i]);
    }
    out.put(bytes);
  }

  static TraceCode read(ColumnReader in, int id, long last) throws TraceFormatException {
    long rip = last + in.signed();
    int flags = in.get();
    int bits = flags & ~3;
    if (bits != 64 && bits != 32 && bits != 16) {
      throw new TraceFormatException("code for %d bits".formatted(bits));
    }
    int count = in.number(MAX_BYTES);
    if (count == 0) {
      throw new TraceFormatException("code without an instruction");
    }
    int[] starts = new int[count + 1];
    for (int i = 0; i < count; i++) {
      int length = in.get();
      if (length == 0 || length > MAX_INSTRUCTION) {
        throw new TraceFormatException("an instruction of %d bytes".formatted(length));
      }
      starts[i + 1] = starts[i] + length;
    }
    return new TraceCode(id, rip, bits, flags & 3, in.get(starts[count]), starts);
  }
}
