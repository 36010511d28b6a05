package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.VmmException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The text of a module that the guest's kernel has just put in place: patched before it runs.
 *
 * <p>The guest stands at the begin of {@code module_finalize(const Elf_Ehdr *hdr, const Elf_Shdr *sechdrs, struct module *me)} (Linux, {@code include/linux/moduleloader.h}; the same since 2.6), which
 * every module passes after its relocations and before its alternatives are pasted, its parameters parsed and its init function called. Both arguments are ELF's own structures, so nothing of the kernel's
 * changing ones is needed: {@code sh_addr} is where the kernel has put each section, and {@code st_value} in the symbol table is an address by then ({@code simplify_symbols()}).
 */
final class ModuleText {
  private static final int RSI = 6;
  private static final int RDI = 7;
  private static final int HEADER = 64;
  private static final int SECTION_HEADER = 64;
  private static final int SYMBOL = 24;
  private static final int MAGIC = 0x464c457f;
  private static final int TYPE_PROGBITS = 1;
  private static final int TYPE_SYMBOLS = 2;
  private static final int ALLOCATED_EXECUTABLE = 2 | 4;
  private static final int FUNCTION = 2;

  /** More than any module has; a guest that says more is not believed. */
  private static final long MAX_SECTION = 64L << 20;

  private final CodeBytes code;
  private final ByteBuffer sections;
  private final int count;

  private ModuleText(CodeBytes code, long header, long sections) {
    this.code = code;
    ByteBuffer elf = bytes(header, HEADER);
    if (elf.getInt(0) != MAGIC || elf.getShort(58) != SECTION_HEADER) {
      throw damaged("its file's header at %#x is no ELF header".formatted(header));
    }
    this.count = elf.getShort(60) & 0xffff;
    this.sections = bytes(sections, count * SECTION_HEADER);
  }

  /**
   * Patches every read of the counter and every move to or from CR4 in the module that the kernel loads.
   *
   * @param state at the begin of {@code module_finalize}
   * @return how many sites
   * @throws VmmException if the module's text cannot be read, or moves CR4 in a way that cannot be patched
   */
  static int patch(CpuState state, GuestMemory memory) {
    CodeBytes code = CodeBytes.linear(new LinearView(state, memory), memory);
    RdtscSites found = new ModuleText(code, state.gpr[RDI], state.gpr[RSI]).find();
    if (!found.doubtful().isEmpty()) {
      throw damaged("it moves CR4 at %#x".formatted(found.doubtful().getFirst()));
    }
    TscPatch.apply(found.sites(), code);
    ControlPatch.apply(found.controls(), code);
    return found.sites().size() + found.controls().size();
  }

  private static VmmException damaged(String why) {
    return new VmmException(
        "a module that the guest loads cannot be patched: " + why,
        "Keep the guest from loading it, or run it without --patch-tsc on --engine soft.");
  }

  private RdtscSites find() {
    List<CodeScan> scans = new ArrayList<>();
    int known = 0;
    for (int i = 0; i < count; i++) {
      int at = i * SECTION_HEADER;
      long flags = sections.getLong(at + 8);
      if (sections.getInt(at + 4) == TYPE_PROGBITS
          && (flags & ALLOCATED_EXECUTABLE) == ALLOCATED_EXECUTABLE) {
        long address = sections.getLong(at + 16);
        byte[] text = bytes(address, sections.getLong(at + 32)).array();
        Boundaries boundaries = functions(i, address);
        known += boundaries.count();
        scans.add(new CodeScan("module", text, address, address, boundaries).run());
      }
    }
    return RdtscSites.of(scans, known);
  }

  /** The section's begin, and where functions begin in it. */
  private Boundaries functions(int section, long address) {
    LongStream.Builder starts = LongStream.builder().add(address);
    for (int i = 0; i < count; i++) {
      int at = i * SECTION_HEADER;
      if (sections.getInt(at + 4) != TYPE_SYMBOLS) {
        continue;
      }
      ByteBuffer symbols = bytes(sections.getLong(at + 16), sections.getLong(at + 32));
      for (int symbol = 0; symbol + SYMBOL <= symbols.capacity(); symbol += SYMBOL) {
        boolean function = (symbols.get(symbol + 4) & 0xf) == FUNCTION;
        if (function && (symbols.getShort(symbol + 6) & 0xffff) == section) {
          starts.add(symbols.getLong(symbol + 8));
        }
      }
    }
    return Boundaries.of(starts.build().distinct().toArray());
  }

  private ByteBuffer bytes(long address, long size) {
    if (size < 0 || size > MAX_SECTION) {
      throw damaged("a section of %d bytes".formatted(size));
    }
    return ByteBuffer.wrap(code.get(address, (int) size)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
