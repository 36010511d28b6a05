package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.VmmException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** Finds the reads of the time-stamp counter in a kernel module's file: an ELF relocatable object, whose symbol table says where functions begin. Changes nothing: the file is the user's. */
public final class ModuleSites {
  private static final int HEADER = 64;
  private static final int SECTION_HEADER = 64;
  private static final int SYMBOL = 24;
  private static final int TYPE_PROGBITS = 1;
  private static final int TYPE_SYMBOLS = 2;
  private static final int FLAG_EXECUTABLE = 4;
  private static final int FUNCTION = 2;
  private static final int RELOCATABLE = 1;
  private static final int X86_64 = 62;

  private final ByteBuffer elf;
  private final byte[] bytes;
  private final int table;
  private final int sections;

  private ModuleSites(byte[] bytes) {
    this.bytes = bytes;
    this.elf = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.table = Math.toIntExact(elf.getLong(40));
    this.sections = elf.getShort(60) & 0xffff;
    Objects.checkFromIndexSize(table, sections * SECTION_HEADER, bytes.length);
  }

  /**
   * @param module the file, unpacked
   * @param name of the module, in messages
   * @return sites whose virtual address is the offset in their section and whose physical address is the offset in the file
   * @throws VmmException if it is no whole module for 64-bit x86
   */
  public static RdtscSites find(byte[] module, String name) {
    try {
      ByteBuffer head = ByteBuffer.wrap(module).order(ByteOrder.LITTLE_ENDIAN);
      if (module.length < HEADER
          || head.getInt(0) != 0x464c457f
          || head.getShort(16) != RELOCATABLE
          || head.getShort(18) != X86_64) {
        throw damaged(name, null);
      }
      return new ModuleSites(module).find();
    } catch (IndexOutOfBoundsException | ArithmeticException | IllegalArgumentException e) {
      throw damaged(name, e);
    }
  }

  private static VmmException damaged(String name, @Nullable Exception e) {
    String what = "'%s' is no whole kernel module for 64-bit x86".formatted(name);
    String advice = "Give an unpacked .ko file of the guest's kernel.";
    return e == null ? new VmmException(what, advice) : new VmmException(what, advice, e);
  }

  private RdtscSites find() {
    List<CodeScan> scans = new ArrayList<>();
    int known = 0;
    for (int i = 0; i < sections; i++) {
      int header = table + i * SECTION_HEADER;
      if (elf.getInt(header + 4) == TYPE_PROGBITS
          && (elf.getLong(header + 8) & FLAG_EXECUTABLE) != 0) {
        int offset = Math.toIntExact(elf.getLong(header + 24));
        byte[] code = new byte[Math.toIntExact(elf.getLong(header + 32))];
        elf.get(offset, code);
        Boundaries boundaries = functions(i);
        known += boundaries.count();
        scans.add(new CodeScan(name(header), code, 0, offset, boundaries).run());
      }
    }
    return RdtscSites.of(scans, known);
  }

  /** The section's begin, and where functions begin in it. */
  private Boundaries functions(int section) {
    LongStream.Builder starts = LongStream.builder().add(0);
    for (int i = 0; i < sections; i++) {
      int header = table + i * SECTION_HEADER;
      if (elf.getInt(header + 4) != TYPE_SYMBOLS) {
        continue;
      }
      int from = Math.toIntExact(elf.getLong(header + 24));
      int size = Math.toIntExact(elf.getLong(header + 32));
      for (int at = from; at + SYMBOL <= from + size; at += SYMBOL) {
        boolean function = (elf.get(at + 4) & 0xf) == FUNCTION;
        if (function && (elf.getShort(at + 6) & 0xffff) == section) {
          starts.add(elf.getLong(at + 8));
        }
      }
    }
    return Boundaries.of(starts.build().distinct().toArray());
  }

  private String name(int header) {
    int names = table + (elf.getShort(62) & 0xffff) * SECTION_HEADER;
    int from = Math.toIntExact(elf.getLong(names + 24)) + elf.getInt(header);
    int end = from;
    while (bytes[end] != 0) {
      end++;
    }
    return new String(bytes, from, end - from, StandardCharsets.ISO_8859_1);
  }
}
