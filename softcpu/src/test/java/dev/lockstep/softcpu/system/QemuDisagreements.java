package dev.lockstep.softcpu.system;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where Debian's QEMU (its TCG emulator) disagrees with the manual: the whole list, with what it does instead. The suite fails where QEMU disagrees and is not listed, and where an entry no longer
 * disagrees.
 */
final class QemuDisagreements {
  /**
   * One disagreement.
   *
   * @param name of the case
   * @param reason what QEMU does otherwise
   * @param log what QEMU logs
   */
  record Entry(String name, String reason, List<String> log) {}

  private static final String INDEX =
      "has the vector times 16 in the error code, and no EXT; 6.13 has the vector as the index";
  private static final String RSVD = "leaves P clear where RSVD is set; 4.7 sets both";
  private static final String LIMITS = "checks no limits, and types only when a register is loaded";
  private static final String STORES_PARTS =
      "stores in parts, and keeps the first where the second faults";
  private static final Map<String, Entry> ALL = new LinkedHashMap<>();

  static {
    differs(
        "data",
        "knows no #SS for these",
        "#GP(0) a0",
        "#GP(0) b0",
        "#GP(0) c0",
        "#GP(0) d0",
        "#GP(0) e0",
        "#GP(0) f0");
    differs(
        "stack", "knows no #SS for these", "#GP(0) a0", "#GP(0) b0", "#GP(0) c0", "800000000008");
    differs(
        "near transfers",
        "checks at the target's fetch, as AMD's processors do",
        "#GP(0) 800000000000",
        "#GP(0) 800000000000",
        "8",
        "#GP(0) 800000000000",
        "fffffffffffffff8");
    differs("far transfers", "returns first and checks at the fetch, in the new place", "shutdown");
    differs("system registers", "checks none of them");
    differs("SYSRET", "returns first, as AMD's processors do", "shutdown");
    differs("switching paging off in 64-bit mode", "switches both off");
    differs("values that control registers refuse", "refuses none of them", "d01");
    differs("a reserved bit of CR4", "hangs", QemuPlatform.NO_END);
    differs(
        "a CR3 above the physical width", "walks tables that are not there", QemuPlatform.NO_END);
    differs(
        "floating point that is switched off",
        "runs EMMS whatever TS and EM say",
        "#NM a0",
        "#NM b0",
        "#NM c0",
        "#NM e0",
        "#UD f0",
        "#UD h0",
        "#GP(0) i0",
        "#GP(0) j0");
    differs(
        "x87 and SSE exceptions that are not masked",
        "raises no exception for SSE",
        "#MF b0",
        "1d84");
    differs(
        "alignment check", "does not check alignment in this version", "#PF(4) d0 cr2=40000001");
    differs(
        "faults, traps and where they point",
        "takes any value for CR8",
        "#DE a0",
        "#BP b1",
        "#UD c0",
        "int 77 d1",
        "#NM e0",
        "#GP(2344) g0");
    differs(
        "RFLAGS in the frame: RF for faults only",
        "does not set RF",
        "#PF(0) a0 cr2=40000000 flags=202",
        "#BP a1+1 flags=202",
        "int 70 a1+3 flags=202",
        "#UD b0 flags=202",
        "202");
    differs("gates", INDEX, "#NP(702) a0", "#GP(712) b0", "int 72 b1+20", "200", "#GP(742) c0");
    differs(
        "IST changes the stack in ring 0",
        "loads a null SS",
        "int 70 after cs=8 ss=10 sp=11bff8",
        "11dfd8",
        "0");
    differs(
        "from ring 3 to the stack of the TSS",
        INDEX,
        "int 70 after cs=33 ss=3b sp=122000",
        "11ffd8",
        "0",
        "#GP(502) b0 cs=33 ss=3b sp=122000",
        "#BP c1 cs=33 ss=3b sp=122000",
        "#GP(0) d0 cs=33 ss=3b sp=122000");
    differs("one after the other: benign exceptions", INDEX, "#NP(62) a0", "#NP(32) b0");
    differs("external interrupt through an absent gate", INDEX, "#NP(702) a0");
    differs(
        "IRETQ checks",
        "does not check the RPL of a null SS",
        "#GP(0) return",
        "#GP(10) return",
        "#GP(8) return",
        "#GP(0) return",
        "#GP(10) return",
        "#GP(0) g0",
        "0");
    differs(
        "read-modify-write, page read-only or absent",
        "reports an atomic access to an absent page as a read",
        "#PF(3) a0 cr2=40000000",
        "#PF(0) b0 cr2=40001000",
        "#PF(3) c0 cr2=40000000",
        "#PF(3) d0 cr2=40000000",
        "#PF(0) e0 cr2=40001000",
        "#PF(3) f0 cr2=40000000");
    differs(
        "reserved bits",
        RSVD,
        "#PF(8) a0 cr2=40000000",
        "#PF(8) b0 cr2=8000000000",
        "#PF(a) c0 cr2=40200000");
    differs(
        "no-execute",
        RSVD,
        "#PF(11) 40000010 cr2=40000010",
        "#PF(10) 40002010 cr2=40002010",
        "#PF(8) read cr2=40000000");
    differs(
        "store across pages, second absent",
        "sets D of the first page though nothing is written",
        "#PF(2) store cr2=40001000",
        "200063",
        "0");
    differs(
        "read-modify-write across pages, second absent",
        "reads before it checks for writing",
        "#PF(0) a0 cr2=40001000",
        "#PF(0) b0 cr2=40001000",
        "1020304",
        "ffffffffffffffff");
    differs("segment limits and types", LIMITS);
    differs("a stack segment with a limit", LIMITS);
    differs(
        "code past the limit of CS",
        "checks the limit on transfers only",
        "int 71 14",
        "#GP(0) b0");
    differs("pages of 4 MiB", "leaves P clear where RSVD is set", "e3", "#PF(8) a0 cr2=40800000");
    differs(
        "PAE paging",
        "leaves P clear where RSVD is set",
        "200063",
        "#PF(11) 40001000 cr2=40001000",
        "#PF(8) d0 cr2=40002000");
    differs(
        "PDPTEs are registers",
        "reads them from memory at each walk",
        "#PF(0) a0 cr2=40000000",
        "c0000080",
        "#PF(0) b0 cr2=40000000");
    differs("turning on long mode", "checks neither", "100");
    differs(
        "loads of SS",
        "does not check the RPL of a null SS in ring 0",
        "#SS(50) a0",
        "#GP(58) b0",
        "#GP(38) c0",
        "#GP(8) d0");
    differs(
        "LTR and LLDT",
        "loads a null selector into TR",
        "#GP(20) a0",
        "#NP(60) b0",
        "#GP(10) d0",
        "c",
        "50",
        "0",
        "8b14",
        "#GP(c) e0");
    differs("a code segment with L and D", "does not check D", "58");
    differs(
        "SYSCALL and SYSRET",
        "clears the status flags and DF on SYSCALL, whatever SFMASK says",
        "2",
        "c57",
        "0",
        "80010",
        "0",
        "1fad7",
        "7ad7",
        "63",
        "5b");
    differs(
        "single step of a repeated instruction",
        "does not set RF for a trap between iterations",
        "#DB a0 flags=102",
        "2",
        "#DB a0 flags=102",
        "1",
        "#DB a1 flags=102",
        "0",
        "#DB a2 flags=102",
        "0",
        "#DB a3 flags=2",
        "0");
    differs(
        "data breakpoints",
        "reports one of two breakpoints that match",
        "#DB a1",
        "ffff0ff2",
        "#DB a2",
        "ffff0ff8",
        "#DB a4",
        "ffff0ff2");
    differs("general detect", "has no general detect", "2400");
    differs("INT1", "comes back to the instruction for ever", "shutdown");
    differs(
        "an exception through a task gate",
        "does not set RF",
        "1f0",
        "0",
        "0",
        "9",
        "1e8",
        "10",
        "0",
        "9");
    differs(
        "tasks that cannot be switched to",
        "has #TS where a task gate names a TSS in the LDT",
        "#TS(50) a0",
        "#NP(58) b0",
        "#GP(60) c0",
        "#GP(10) d0",
        "#TS(54) e0",
        "#NP(78) f0",
        "#GP(20) g0",
        "#TS(50) h0",
        "20");
    differs(
        "faults in the new task", "comes back to the jump in the old task, for ever", "shutdown");
    differs("the trap bit of a TSS", "does not raise the trap, and leaves LE", "ffff0ff0", "700");
    differs(
        "MOV CR3 keeps global pages only",
        "drops global pages too, which 4.10.3.2 permits",
        "2",
        "2",
        "2");
    differs(
        "a page fault drops the cached translation",
        "keeps the translation",
        "#PF(3) store cr2=40000000",
        "1");
    differs(
        "SSE across pages, second absent",
        STORES_PARTS,
        "#PF(2) a0 cr2=40001000",
        "#PF(0) b0 cr2=40001000",
        "ffffffffffffffff",
        "ffffffffffffffff");
    differs(
        "SSE across pages, second read-only", STORES_PARTS, "#PF(3) a0 cr2=40001000", "ff", "0");
    differs(
        "FSTP of 80 bits across pages, second read-only",
        STORES_PARTS,
        "#PF(3) a0 cr2=40001000",
        "3800",
        "8000000000000000");
    differs(
        "bit offsets reach beyond their operand",
        "reads before it checks for writing",
        "#PF(0) a0 cr2=40000ffc",
        "#PF(0) b0 cr2=40002000",
        "1");
    differs(
        "a load of SS behind STI",
        "has STI alone hold interrupts back, which the manual permits",
        "int 70 a1");
    differs("MOV SS holds a data breakpoint back", "reports it at once", "#DB a1", "ffff0ff1");
    differs(
        "instructions that are not there",
        "has CMPXCHG16B in its model",
        "#UD a0",
        "#UD b0",
        "#UD c0",
        "#UD d0",
        "#UD e0",
        "#UD f0",
        "#UD g0",
        "#UD h0",
        "#UD i0",
        "#UD k0",
        "#GP(0) l0");
    differs(
        "prefixes in an unusual order",
        "keeps a REX prefix that another prefix follows",
        "1111222233334444",
        "1111222233334444",
        "33334444",
        "33334444");
    differs(
        "PCIDs are not there", "takes a bit of CR4 whose feature its CPUID denies", "20000", "0");
  }

  private QemuDisagreements() {}

  /** By the name of the case, in the order of the suite. */
  static Map<String, Entry> all() {
    return Map.copyOf(ALL);
  }

  private static void differs(String name, String reason, String... log) {
    if (ALL.put(name, new Entry(name, reason, List.of(log))) != null) {
      throw new IllegalStateException("two entries for " + name);
    }
  }
}
