package dev.lockstep.softcpu.host;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What one instruction did.
 *
 * @param vectors which exceptions it may have raised, as far as the observer can tell; empty if it completed
 * @param address the faulting address of a page fault
 * @param rip relative to the instruction
 * @param changes bytes of the data area that are not as before, by offset
 */
record Outcome(
    Set<Integer> vectors,
    long address,
    long[] registers,
    long rflags,
    long rip,
    Map<Integer, Byte> changes) {
  private static final int SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11;
  private static final int SI_KERNEL = 0x80;
  private static final int SEGV_BNDERR = 3;
  private static final int DE = 0,
      DB = 1,
      BP = 3,
      OF = 4,
      BR = 5,
      UD = 6,
      NP = 11,
      SS = 12,
      GP = 13,
      PF = 14;

  Outcome(Set<Integer> vectors, long address, long[] registers, long rflags, long rip) {
    this(vectors, address, registers, rflags, rip, new TreeMap<>());
  }

  /** The exceptions that Linux makes that signal of. */
  static Set<Integer> vectors(int signal, int code) {
    return switch (signal) {
      case 0 -> Set.of();
      case SIGILL -> Set.of(UD);
      case SIGTRAP -> Set.of(DB, BP);
      case SIGBUS -> Set.of(SS, NP);
      case SIGFPE -> Set.of(DE);
      case SIGSEGV ->
          switch (code) {
            case SI_KERNEL -> Set.of(GP, SS, OF, BR);
            case SEGV_BNDERR -> Set.of(BR);
            default -> Set.of(PF);
          };
      default -> throw new IllegalStateException("the host's instruction got signal " + signal);
    };
  }

  boolean isPageFault() {
    return vectors.contains(PF);
  }
}
