package dev.lockstep.vmm.tsc;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a section of code, instruction by instruction, that resynchronises wherever a known boundary shows that it lost its step: behind data or padding between functions. A match is a
 * site only if decoding from the last known boundary before it, too, comes to it.
 */
final class CodeScan {
  /** Boundaries from which each site is decoded once more. */
  private static final int PROOFS = 3;

  private final String section;
  private final byte[] code;
  private final long virtual;
  private final long physical;
  private final Boundaries boundaries;
  private final InstructionLength lengths;
  private final List<TscSite> sites = new ArrayList<>();
  private final List<Long> rejected = new ArrayList<>();
  private final List<Long> doubtful = new ArrayList<>();
  private long instructions;
  private int resynchronised;
  private int undecodable;

  CodeScan(String section, byte[] code, long virtual, long physical, Boundaries boundaries) {
    this.section = section;
    this.code = code;
    this.virtual = virtual;
    this.physical = physical;
    this.boundaries = boundaries;
    this.lengths = new InstructionLength(code);
  }

  /** Decodes everything. */
  CodeScan run() {
    int next = boundaries.from(virtual);
    int at = 0;
    int matchesFrom = 0;
    while (at < code.length) {
      while (next < boundaries.count() && boundaries.at(next) <= virtual + at) {
        next++;
      }
      int length = lengths.at(at);
      int limit = next < boundaries.count() ? offset(boundaries.at(next)) : code.length;
      if (length < 0) {
        undecodable++;
        at++;
        continue;
      }
      if (at + length > limit) {
        // This was no instruction: one that begins within it is known.
        resynchronised++;
        at = limit;
        continue;
      }
      instructions++;
      TscSite.@Nullable Kind kind = kind(at, length);
      reject(matchesFrom, kind == null ? at + length : at);
      if (kind != null) {
        settle(at, length, kind);
      }
      matchesFrom = at + length;
      at += length;
    }
    reject(matchesFrom, code.length);
    return this;
  }

  private int offset(long address) {
    return (int) Math.min(code.length, address - virtual);
  }

  private void settle(int at, int length, TscSite.Kind kind) {
    if (proved(at) && (kind.readsCounter() || ControlPatch.fits(code, at, length))) {
      sites.add(new TscSite(section, virtual + at, physical + at, length, kind));
    } else if (!kind.readsCounter()) {
      doubtful.add(virtual + at);
    } else {
      rejected.add(virtual + at);
    }
  }

  /** Whether decoding from each of the last boundaries before it comes to the offset. */
  private boolean proved(int target) {
    int last = boundaries.from(virtual + target + 1) - 1;
    for (int i = last; i > last - PROOFS && i >= 0 && boundaries.at(i) >= virtual; i--) {
      int at = offset(boundaries.at(i));
      while (at < target) {
        int length = lengths.at(at);
        if (length < 0) {
          // Undecodable bytes lie between: only a boundary behind them proves anything.
          return i < last;
        }
        at += length;
      }
      if (at != target) {
        return i < last && gapBetween(i, last);
      }
    }
    return true;
  }

  /** Whether decoding from boundary i fails to come to a later one: then it says nothing of what follows. */
  private boolean gapBetween(int i, int last) {
    int at = offset(boundaries.at(i));
    int target = offset(boundaries.at(last));
    while (at < target) {
      int length = lengths.at(at);
      if (length < 0) {
        return true;
      }
      at += length;
    }
    return at != target;
  }

  /** Notes every match of bytes that begins in a stretch which holds no site. */
  private void reject(int from, int to) {
    for (int at = from; at < to && at + 1 < code.length; at++) {
      if (code[at] == 0x0f && code[at + 1] == 0x31) {
        rejected.add(virtual + at);
      }
    }
  }

  private TscSite.@Nullable Kind kind(int at, int length) {
    int end = at + length;
    if (length >= 2 && code[end - 2] == 0x0f && code[end - 1] == 0x31 && prefixes(at, end - 2)) {
      return TscSite.Kind.RDTSC;
    }
    if (length >= 3
        && code[end - 3] == 0x0f
        && code[end - 2] == 0x01
        && code[end - 1] == (byte) 0xf9
        && prefixes(at, end - 3)) {
      return TscSite.Kind.RDTSCP;
    }
    return control(at, length);
  }

  /** MOV from and to control registers has neither SIB nor displacement, so its opcode stands right before its last byte. */
  private TscSite.@Nullable Kind control(int at, int length) {
    int end = at + length;
    if (length < 3
        || code[end - 3] != 0x0f
        || (code[end - 1] & 0x38) != 0x20
        || !prefixes(at, end - 3)) {
      return null;
    }
    return switch (code[end - 2]) {
      case 0x20 -> TscSite.Kind.READ_CR4;
      case 0x22 -> TscSite.Kind.WRITE_CR4;
      default -> null;
    };
  }

  /** Whether a stretch holds prefixes alone. */
  private boolean prefixes(int from, int to) {
    for (int at = from; at < to; at++) {
      if (!InstructionLength.isPrefix(code[at] & 0xff)) {
        return false;
      }
    }
    return true;
  }

  List<TscSite> sites() {
    return sites;
  }

  /** Virtual addresses of the bytes 0F 31 that are no instruction. */
  List<Long> rejected() {
    return rejected;
  }

  /** Virtual addresses of what may be a move from or to CR4, but not in a form that can be patched. */
  List<Long> doubtful() {
    return doubtful;
  }

  long instructions() {
    return instructions;
  }

  int resynchronised() {
    return resynchronised;
  }

  int undecodable() {
    return undecodable;
  }
}
