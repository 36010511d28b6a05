package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Whether the dirty log names the pages that a guest has written, all of them and no others. */
final class DirtyLogProbe implements HostProbe {
  private static final int PAGES = 8;

  @Override
  public String id() {
    return "dirty_log";
  }

  @Override
  public String what() {
    return "dirty log";
  }

  @Override
  public Finding run(ProbeContext context) {
    ProbeGuest guest = context.guest(Ring.KERNEL, writesPages());
    MemorySegment bitmap = guest.arena.allocate(guest.slot.bitmapBytes(), Long.BYTES);
    guest.slot.dirtyLog(bitmap);
    boolean ended = guest.runToPort() == ProbeGuest.END;
    guest.slot.dirtyLog(bitmap);
    boolean complete = ended;
    for (long page = 0; page < PAGES; page++) {
      complete &= isSet(bitmap, ProbeGuest.DATA_PAGE + page);
    }
    boolean exact = !isSet(bitmap, ProbeGuest.DATA_PAGE + PAGES);
    boolean manual = context.kvm().has(Capability.MANUAL_DIRTY_LOG_PROTECT2);
    Finding finding =
        complete && exact
            ? Finding.of(
                id(),
                what(),
                Verdict.OK,
                "complete" + (manual ? "; KVM_CLEAR_DIRTY_LOG too" : ""),
                "Checkpoints copy only what has changed.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.MISSING,
                    complete ? "names pages that were not written" : "misses written pages",
                    "Checkpoints on kvm are not possible here.")
                .advise("Use --engine soft.");
    return finding.with(HostTraits.DIRTY_LOG, complete && exact).with("clear", manual);
  }

  private static boolean isSet(MemorySegment bitmap, long page) {
    return (bitmap.get(ValueLayout.JAVA_LONG, page / 64 * 8) >>> page % 64 & 1) != 0;
  }

  /** mov edi, DATA; mov ecx, PAGES; mov [rdi], cl; add edi, 0x1000; dec ecx; jnz to the store; then the end. */
  static int[] writesPages() {
    return Code.join(
        new int[] {0xbf},
        Code.dataAddress(),
        new int[] {0xb9, PAGES, 0, 0, 0},
        new int[] {0x88, 0x0f, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0xff, 0xc9, 0x75, 0xf4},
        Code.end(Ring.KERNEL));
  }

  /** How many pages {@link #writesPages} writes, from {@link ProbeGuest#DATA} on. */
  static int pages() {
    return PAGES;
  }
}
