package dev.lockstep.vmm.trace;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What of an execution is wanted. Rings, addresses and page tables are those of the instruction, or of the one before which an interrupt is delivered; changes of CR3 and log entries pass whatever these say.
 *
 * @param kinds at least one
 * @param rings CPLs; empty for all
 * @param addresses of instructions, offsets in CS; empty for all
 * @param pageTables values of CR3, compared without its low 12 bits; empty for all
 * @param from null for the beginning
 * @param to null for the end
 * @param count the most instructions that are executed between beginning and end
 */
public record TraceSelection(
    Set<TraceKind> kinds,
    Set<Integer> rings,
    List<Range> addresses,
    Set<Long> pageTables,
    @Nullable TraceBound from,
    @Nullable TraceBound to,
    long count) {
  private static final long FRAME = 0x000f_ffff_ffff_f000L;
  private static final int MAX_RING = 3;

  /**
   * Addresses from the first to the last, both inclusive, unsigned.
   */
  public record Range(long first, long last) {
    /** Whether an address is among them. */
    public boolean contains(long address) {
      return Long.compareUnsigned(address, first) >= 0 && Long.compareUnsigned(address, last) <= 0;
    }

    /**
     * Reads {@code FIRST-LAST} or {@code FIRST+BYTES}.
     *
     * @throws IllegalArgumentException if it is neither
     */
    public static Range parse(String text) {
      int cut = Math.max(text.indexOf('-'), text.indexOf('+'));
      if (cut <= 0) {
        throw new IllegalArgumentException(
            "'%s' is no range of addresses: FIRST-LAST or FIRST+BYTES".formatted(text));
      }
      long first = address(text.substring(0, cut));
      long second = address(text.substring(cut + 1));
      long last = text.charAt(cut) == '+' ? first + second - 1 : second;
      if (Long.compareUnsigned(last, first) < 0) {
        throw new IllegalArgumentException("the range '%s' is empty".formatted(text));
      }
      return new Range(first, last);
    }

    @Override
    public String toString() {
      return "%#x-%#x".formatted(first, last);
    }
  }

  public TraceSelection {
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException("a trace of nothing");
    }
    kinds = Set.copyOf(kinds);
    for (int ring : rings) {
      if (ring < 0 || ring > MAX_RING) {
        throw new IllegalArgumentException("ring %d is not in 0..3".formatted(ring));
      }
    }
    rings = Set.copyOf(rings);
    addresses = List.copyOf(addresses);
    pageTables = pageTables.stream().map(cr3 -> cr3 & FRAME).collect(Collectors.toSet());
    if (count < 1) {
      throw new IllegalArgumentException("a trace of %d instructions".formatted(count));
    }
    refuseEmpty(from, to);
  }

  private static void refuseEmpty(@Nullable TraceBound from, @Nullable TraceBound to) {
    boolean empty =
        from instanceof TraceBound.Point a
                && to instanceof TraceBound.Point b
                && a.branchCount() > b.branchCount()
            || from instanceof TraceBound.Entry c
                && to instanceof TraceBound.Entry d
                && c.number() >= d.number()
            || from instanceof TraceBound.Time e
                && to instanceof TraceBound.Time f
                && e.nanos() >= f.nanos()
            || from instanceof TraceBound.Instruction g
                && to instanceof TraceBound.Instruction h
                && g.number() >= h.number();
    if (empty) {
      throw new IllegalArgumentException(
          "the trace would end at %s, before it begins at %s".formatted(to, from));
    }
  }

  /** Everything of some kinds. */
  public static TraceSelection all(TraceKind... kinds) {
    return new TraceSelection(
        kinds.length == 0 ? EnumSet.allOf(TraceKind.class) : Set.of(kinds),
        Set.of(),
        List.of(),
        Set.of(),
        null,
        null,
        Long.MAX_VALUE);
  }

  /** Whether the order of executed code is needed. */
  boolean flow() {
    return kinds.stream().anyMatch(TraceKind::needsFlow);
  }

  boolean has(TraceKind kind) {
    return kinds.contains(kind);
  }

  /** Whether a context passes. */
  boolean passes(int ring, long cr3) {
    return (rings.isEmpty() || rings.contains(ring)) && hasPageTable(cr3);
  }

  boolean hasPageTable(long cr3) {
    return pageTables.isEmpty() || pageTables.contains(cr3 & FRAME);
  }

  /** Whether an instruction's address passes. */
  boolean passes(long rip) {
    if (addresses.isEmpty()) {
      return true;
    }
    for (Range range : addresses) {
      if (range.contains(rip)) {
        return true;
      }
    }
    return false;
  }

  /**
   * An address as users write it: hexadecimal with 0x, else decimal.
   *
   * @throws IllegalArgumentException if it is none
   */
  public static long address(String text) {
    try {
      String digits = text.replace("_", "");
      return digits.startsWith("0x")
          ? Long.parseUnsignedLong(digits.substring(2), 16)
          : Long.parseUnsignedLong(digits);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'%s' is no address".formatted(text), e);
    }
  }

  /** In words, for headers and reports. */
  @Override
  public String toString() {
    List<String> words = new ArrayList<>();
    for (TraceKind kind : TraceKind.values()) {
      if (has(kind)) {
        words.add(kind.word());
      }
    }
    List<String> parts = new ArrayList<>(List.of(String.join(",", words)));
    if (!rings.isEmpty()) {
      parts.add("ring " + join(new TreeSet<>(rings)));
    }
    if (!addresses.isEmpty()) {
      parts.add("addresses " + join(addresses));
    }
    if (!pageTables.isEmpty()) {
      parts.add("cr3 " + join(pageTables.stream().sorted().map("%#x"::formatted).toList()));
    }
    if (from != null) {
      parts.add("from " + from);
    }
    if (to != null) {
      parts.add("to " + to);
    }
    if (count != Long.MAX_VALUE) {
      parts.add("at most %d instructions".formatted(count));
    }
    return String.join("; ", parts);
  }

  private static String join(Iterable<?> items) {
    StringBuilder text = new StringBuilder();
    for (Object item : items) {
      text.append(text.isEmpty() ? "" : ",").append(item);
    }
    return text.toString();
  }
}
