package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.boot.KernelMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The symbol table that Linux keeps of itself (kallsyms), which stripped kernels still have. Nothing names its parts, so they are found by their form, and every part is held against the others before
 * it is believed. Layout: Linux, {@code scripts/kallsyms.c} {@code write_src()} and {@code kernel/kallsyms.c}; that of 6.1 (addresses before the names, perhaps the names' order before the tokens) and that since 6.4 (addresses behind the tokens).
 *
 * <p>A name is bytes that each stand for a token; the digits stand for themselves, and by them the table of tokens is found.
 */
final class KernelSymbols {
  private static final String TABLES = ".rodata";
  private static final String TEXT = ".text";
  private static final byte[] DIGITS =
      "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0".getBytes(StandardCharsets.ISO_8859_1);
  private static final int TOKENS = 256;
  private static final int PER_MARKER = 256;
  private static final int ALIGN = 8;

  /** No kernel that runs programs has fewer. */
  private static final int MIN_SYMBOLS = 256;

  private final ByteBuffer data;
  private final int limit;
  private int tokens;
  private int index;
  private int names;
  private int count;

  private KernelSymbols(byte[] bytes) {
    this.data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.limit = bytes.length;
  }

  /**
   * Looks names up in a loaded kernel.
   *
   * @return their addresses; without those that the kernel does not have or has more than once, and empty if no table was found
   */
  static Map<String, Long> find(KernelMap map, GuestMemory memory, Set<String> wanted) {
    KernelMap.@Nullable Section section = map.named(TABLES);
    KernelMap.@Nullable Section text = map.named(TEXT);
    if (section == null || text == null) {
      return Map.of();
    }
    byte[] bytes = new byte[Math.toIntExact(section.size())];
    memory.read(section.physical(), bytes, 0, bytes.length);
    KernelSymbols table = new KernelSymbols(bytes);
    try {
      return table.locate() ? table.lookUp(wanted, text.virtual()) : Map.of();
    } catch (IndexOutOfBoundsException e) {
      // What looked like the table ran out of its section.
      return Map.of();
    }
  }

  private boolean locate() {
    for (int at = next(0); at >= 0; at = next(at + 1)) {
      if (tokensAround(at) && namesBefore()) {
        return true;
      }
    }
    return false;
  }

  private int next(int from) {
    for (int at = from; at + DIGITS.length <= limit; at++) {
      int i = 0;
      while (i < DIGITS.length && data.get(at + i) == DIGITS[i]) {
        i++;
      }
      if (i == DIGITS.length) {
        return at;
      }
    }
    return -1;
  }

  /** The token of '0' stands here: the index of tokens lies behind the last, and says where the first is. */
  private boolean tokensAround(int zero) {
    int[] starts = new int[TOKENS];
    int at = zero;
    for (int token = '0'; token < TOKENS; token++) {
      starts[token] = at - zero;
      while (data.get(at) != 0) {
        at++;
      }
      at++;
    }
    index = align(at);
    int first = data.getShort(index + 2 * '0') & 0xffff;
    tokens = zero - first;
    for (int token = '0'; token < TOKENS; token++) {
      if ((data.getShort(index + 2 * token) & 0xffff) != first + starts[token]) {
        return false;
      }
    }
    return tokens >= 0 && tokens % ALIGN == 0;
  }

  /** Names stand somewhere before the tokens, behind their number and before the markers: the offset of each 256th. */
  private boolean namesBefore() {
    for (int at = tokens; at >= 2 * ALIGN; at -= ALIGN) {
      long symbols = data.getLong(at - ALIGN);
      if (symbols >= MIN_SYMBOLS && symbols <= tokens) {
        names = at;
        count = (int) symbols;
        if (namesFit()) {
          return true;
        }
      }
    }
    return false;
  }

  private boolean namesFit() {
    int[] marked = new int[(count - 1) / PER_MARKER + 1];
    int at = names;
    for (int i = 0; i < count; i++) {
      if (i % PER_MARKER == 0) {
        marked[i / PER_MARKER] = at - names;
      }
      // A type, and a name.
      if (length(at) < 1 || end(at) > tokens) {
        return false;
      }
      at = end(at);
    }
    int markers = align(at);
    for (int i = 0; i < marked.length; i++) {
      if (markers + i * Integer.BYTES >= tokens
          || data.getInt(markers + i * Integer.BYTES) != marked[i]) {
        return false;
      }
    }
    return true;
  }

  /** Where a name ends. Names of more than 127 tokens have a second byte of length. */
  private int end(int at) {
    return begin(at) + length(at);
  }

  private int begin(int at) {
    return data.get(at) < 0 ? at + 2 : at + 1;
  }

  private int length(int at) {
    int first = data.get(at);
    return first >= 0 ? first : first & 0x7f | (data.get(at + 1) & 0xff) << 7;
  }

  private Map<String, Long> lookUp(Set<String> wanted, long text) {
    Map<String, Integer> found = new HashMap<>();
    int at = names;
    for (int i = 0; i < count; i++) {
      String name = name(at);
      if (name.equals("_text") || wanted.contains(name)) {
        found.merge(name, i, (one, other) -> -1);
      }
      at = end(at);
    }
    Integer origin = found.get("_text");
    if (origin == null || origin < 0) {
      return Map.of();
    }
    for (boolean before : new boolean[] {true, false}) {
      for (boolean absolutePerCpu : new boolean[] {true, false}) {
        if (address(origin, before, absolutePerCpu) == text) {
          Map<String, Long> addresses = new HashMap<>();
          found.forEach((name, symbol) -> {
            if (symbol >= 0) {
              addresses.put(name, address(symbol, before, absolutePerCpu));
            }
          });
          addresses.keySet().retainAll(wanted);
          return addresses;
        }
      }
    }
    return Map.of();
  }

  /** A name without its type, which is its first character. */
  private String name(int at) {
    StringBuilder name = new StringBuilder();
    int from = begin(at);
    int length = length(at);
    for (int i = 0; i < length; i++) {
      int token = tokens + (data.getShort(index + 2 * (data.get(from + i) & 0xff)) & 0xffff);
      for (byte c = data.get(token); c != 0; c = data.get(++token)) {
        name.append((char) (c & 0xff));
      }
    }
    return name.isEmpty() ? "" : name.substring(1);
  }

  /**
   * A symbol's address, or 0 if the table does not lie so.
   *
   * @param before whether addresses stand before the names
   * @param absolutePerCpu whether distances from the base are negative, and others per-CPU offsets
   */
  private long address(int symbol, boolean before, boolean absolutePerCpu) {
    int size = align(count * Integer.BYTES);
    int base = before ? names - 2 * ALIGN : align(index + 2 * TOKENS) + size;
    int offsets = base - size;
    if (offsets < 0 || base + Long.BYTES > limit) {
      return 0;
    }
    int distance = data.getInt(offsets + symbol * Integer.BYTES);
    long from = data.getLong(base);
    if (!absolutePerCpu) {
      return from + (distance & 0xffff_ffffL);
    }
    return distance >= 0 ? distance : from - 1 - distance;
  }

  private static int align(int at) {
    return at + ALIGN - 1 & -ALIGN;
  }
}
