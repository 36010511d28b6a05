package dev.lockstep.vmm.trace;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Names of addresses, from a System.map or from the symbol table of a vmlinux or other ELF file for x86-64. */
public final class SymbolTable {
  /** A table without names. */
  public static final SymbolTable EMPTY = new SymbolTable();

  private static final int ELF_HEADER = 64;
  private static final int SECTION_HEADER = 64;
  private static final int SYMBOL = 24;
  private static final int SYMTAB = 2;
  private static final int TYPE_FUNCTION = 2;
  private static final int TYPE_NONE = 0;

  /** Farther behind a symbol than that an address is not named after it. */
  private static final long MAX_DISTANCE = 1 << 20;

  /** By address; of several at one address, the first. */
  private final TreeMap<Long, String> names;

  /** By name; of several with one name, the first. */
  private final Map<String, Long> addresses = new HashMap<>();

  private SymbolTable() {
    this.names = new TreeMap<>(Long::compareUnsigned);
  }

  private void add(String name, long address) {
    names.putIfAbsent(address, name);
    addresses.putIfAbsent(name, address);
  }

  /**
   * Reads a file of either form.
   *
   * @throws VmmException if it cannot be read, or is neither
   */
  public static SymbolTable read(Path file) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      boolean elf =
          bytes.length >= ELF_HEADER && bytes[0] == 0x7f && bytes[1] == 'E' && bytes[2] == 'L';
      SymbolTable table = elf ? elf(bytes) : map(bytes);
      if (table.isEmpty()) {
        throw new TraceFormatException("it has no symbols of code");
      }
      return table;
    } catch (IOException | IndexOutOfBoundsException e) {
      throw new VmmException(
          "'%s' has no symbols that can be read: %s".formatted(file, e.getMessage()),
          "Name a System.map, or a vmlinux that was not stripped.",
          e);
    }
  }

  /** Lines of address, type, name; types of code are t and T, w and W. */
  private static SymbolTable map(byte[] bytes) throws IOException {
    SymbolTable table = new SymbolTable();
    for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      String[] parts = line.trim().split("\\s+", 4);
      if (parts.length >= 3 && parts[1].length() == 1 && "tTwW".contains(parts[1])) {
        try {
          table.add(parts[2], Long.parseUnsignedLong(parts[0], 16));
        } catch (NumberFormatException e) {
          throw new TraceFormatException("'%s' is no address".formatted(parts[0]));
        }
      }
    }
    return table;
  }

  private static SymbolTable elf(byte[] bytes) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes[4] != 2 || bytes[5] != 1) {
      throw new TraceFormatException("it is no 64-bit little-endian ELF file");
    }
    SymbolTable table = new SymbolTable();
    int sections = within(file, file.getLong(40));
    int count = file.getShort(60) & 0xffff;
    for (int i = 0; i < count; i++) {
      int at = within(file, sections + (long) i * SECTION_HEADER);
      if (file.getInt(at + 4) == SYMTAB) {
        int strings =
            within(file, sections + (file.getInt(at + 40) & 0xffff_ffffL) * SECTION_HEADER);
        symbols(file, at, within(file, file.getLong(strings + 24)), table);
      }
    }
    return table;
  }

  /** An offset that a file of any content has. */
  private static int within(ByteBuffer file, long offset) throws IOException {
    if (offset < 0 || offset > file.limit()) {
      throw new TraceFormatException("it ends before its offset %#x".formatted(offset));
    }
    return (int) offset;
  }

  private static void symbols(ByteBuffer file, int section, int text, SymbolTable table)
      throws IOException {
    int start = within(file, file.getLong(section + 24));
    long size = file.getLong(section + 32);
    int end = within(file, size < 0 ? size : start + size);
    for (int at = start; at + SYMBOL <= end; at += SYMBOL) {
      int type = file.get(at + 4) & 15;
      int defined = file.getShort(at + 6);
      if ((type == TYPE_FUNCTION || type == TYPE_NONE) && defined > 0) {
        String name = text(file, within(file, text + (file.getInt(at) & 0xffff_ffffL)));
        if (!name.isEmpty()) {
          table.add(name, file.getLong(at + 8));
        }
      }
    }
  }

  private static String text(ByteBuffer file, int at) {
    StringBuilder name = new StringBuilder();
    for (int i = at; file.get(i) != 0; i++) {
      name.append((char) (file.get(i) & 0xff));
    }
    return name.toString();
  }

  /** Whether it has no names. */
  public boolean isEmpty() {
    return names.isEmpty();
  }

  /** The address of a symbol; null if there is none of that name. */
  public @Nullable Long address(String symbol) {
    return addresses.get(symbol);
  }

  /** The symbol that an address belongs to; null if none is near. */
  public @Nullable String symbol(long address) {
    Map.Entry<Long, String> below = names.floorEntry(address);
    return below == null || address - below.getKey() > MAX_DISTANCE ? null : below.getValue();
  }

  /** The symbol and the distance from it, {@code name+0x12}; null if none is near. */
  public @Nullable String name(long address) {
    Map.Entry<Long, String> below = names.floorEntry(address);
    if (below == null || address - below.getKey() > MAX_DISTANCE) {
      return null;
    }
    long distance = address - below.getKey();
    return distance == 0 ? below.getValue() : "%s+%#x".formatted(below.getValue(), distance);
  }
}
