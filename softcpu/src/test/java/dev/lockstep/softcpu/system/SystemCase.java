package dev.lockstep.softcpu.system;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One guest program and what its log must say.
 *
 * <p>The program begins at {@code main}, in 64-bit mode (or 32-bit protected mode without paging), ring 0, with interrupts off, and ends by RET. {@code obs x} logs a value. Every exception and interrupt is
 * logged and returns to where it came from, unless {@code resume label} has named another place before; {@code hook vector, label} has a routine called with the address of the frame in RBX.
 */
final class SystemCase {
  /** What an entry of the log shows besides vector, error code, address and, for #PF, CR2. */
  enum Show {
    /** RFLAGS. */
    FLAGS,
    /** CS and SS. */
    SELECTORS,
    /** RSP. */
    STACK
  }

  /** What the guest is after its entry. */
  enum Mode {
    LONG,
    PROTECTED
  }

  final String name;
  final String manual;
  final Mode mode;
  final List<String> source = new ArrayList<>();
  final Map<Long, Long> words = new LinkedHashMap<>();
  final List<Integer> ists = new ArrayList<>();
  final Map<Integer, Integer> gates = new LinkedHashMap<>();
  final Map<String, Long> names = new LinkedHashMap<>();
  final List<Show> shows = new ArrayList<>();
  List<String> expected = List.of();
  boolean hidden;

  SystemCase(String name, String manual, Mode mode) {
    this.name = name;
    this.manual = manual;
    this.mode = mode;
  }

  /**
   * @param name what the case is about, unique
   * @param manual where the expectation comes from
   */
  static SystemCase in64(String name, String manual) {
    return new SystemCase(name, manual, Mode.LONG);
  }

  /** In 32-bit protected mode, paging off. */
  static SystemCase in32(String name, String manual) {
    return new SystemCase(name, manual, Mode.PROTECTED);
  }

  /** Lines of source. */
  SystemCase run(String lines) {
    source.add(lines);
    return this;
  }

  /** Maps the nth page of the window to the nth frame, or another, in 8-byte tables. */
  SystemCase map(int page, int frame, long flags) {
    return word(Layout.WINDOW_TABLE + 8L * page, Layout.FRAMES + 4096L * frame | flags);
  }

  /** Maps the nth page of the window to any physical address. */
  SystemCase mapTo(int page, long physical, long flags) {
    return word(Layout.WINDOW_TABLE + 8L * page, physical | flags);
  }

  /** Has vectors delivered on the first stack of the interrupt stack table. */
  SystemCase ist(int... vectors) {
    for (int vector : vectors) {
      ists.add(vector);
    }
    return this;
  }

  /** Sets byte 5 of a vector's gate: 0x8e is a present interrupt gate for ring 0. */
  SystemCase gate(int vector, int access) {
    gates.put(vector, access);
    return this;
  }

  /** Sets eight bytes of the image. */
  SystemCase word(long address, long value) {
    words.put(address, value);
    return this;
  }

  /** A name for the source. */
  SystemCase define(String word, long value) {
    names.put(word, value);
    return this;
  }

  /** Leaves out where events came in: for those that QEMU takes later than at once. */
  SystemCase hideAddresses() {
    hidden = true;
    return this;
  }

  SystemCase show(Show... what) {
    shows.addAll(List.of(what));
    return this;
  }

  /** The log, line by line. */
  SystemCase expect(String... lines) {
    expected = List.of(lines);
    return this;
  }

  @Override
  public String toString() {
    return name;
  }
}
