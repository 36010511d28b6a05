package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;

/** Code without a kernel's tables, patched. */
public final class PatchedCode {
  private PatchedCode() {}

  /**
   * Patches code that begins with an instruction.
   *
   * @return how many sites there were
   */
  public static int patch(GuestMemory memory, long physical, int size) {
    byte[] code = new byte[size];
    memory.read(physical, code, 0, size);
    RdtscSites found = RdtscSites.find("guest", code, physical, physical, Boundaries.of(physical));
    TscPatch.apply(found.sites(), CodeBytes.physical(memory));
    return found.sites().size();
  }
}
