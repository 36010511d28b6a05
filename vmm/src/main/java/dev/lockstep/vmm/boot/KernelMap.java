package dev.lockstep.vmm.boot;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the sections of a loaded kernel lie, by its ELF section headers.
 *
 * @param sections those that have bytes in the file and in memory, ascending by physical address; empty for a kernel without section headers
 */
public record KernelMap(List<Section> sections) {
  public KernelMap {
    sections = List.copyOf(sections);
  }

  /**
   * A section.
   *
   * @param name as in the file, e.g. {@code .text}
   * @param virtual where the kernel runs it or reads it
   * @param physical where it was loaded
   * @param size bytes
   * @param executable whether it holds instructions
   */
  public record Section(String name, long virtual, long physical, long size, boolean executable) {

    /** Whether a virtual address lies in it. */
    public boolean contains(long address) {
      return Long.compareUnsigned(address - virtual, size) < 0;
    }

    /** The guest-physical address of a virtual one. */
    public long physicalOf(long address) {
      return address - virtual + physical;
    }
  }

  /** The section of that name, or null. */
  public @Nullable Section named(String name) {
    for (Section section : sections) {
      if (section.name().equals(name)) {
        return section;
      }
    }
    return null;
  }

  /** The sections that hold instructions. */
  public List<Section> code() {
    return sections.stream().filter(Section::executable).toList();
  }
}
