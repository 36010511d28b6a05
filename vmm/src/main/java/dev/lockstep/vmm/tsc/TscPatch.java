package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.boot.KernelMap;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes a kernel that was loaded read the machine's virtual time where it would read the host's: each RDTSC becomes {@code IN EAX, imm8} from {@link MachineLayout#TSC}, the one instruction of two
 * bytes that leaves ring 0 on every engine. The machine answers it with both halves (see {@link dev.lockstep.engine.VcpuExit.PortRead#completePair}). RDTSCP, which no model of ours announces,
 * becomes the #UD that the model promises. What is left of a longer instruction is filled with NOP.
 *
 * <p>The same kernel is patched the same way on every engine and every replica, so logs and snapshots that begin with it fit.
 */
public final class TscPatch implements KernelEdit {
  private static final byte IN_EAX_IMM8 = (byte) 0xe5;
  private static final byte NOP = (byte) 0x90;

  private @Nullable RdtscSites done;

  /**
   * @throws VmmException if the kernel has no section headers, holds no code that can be decoded, or still reads the counter afterwards
   */
  @Override
  public String edit(KernelMap map, GuestMemory memory) {
    if (map.code().isEmpty()) {
      throw new VmmException(
          "the kernel has no section headers, so its reads of the time-stamp counter cannot be found",
          "Give the kernel as its distribution ships it, or run it on --engine soft.");
    }
    RdtscSites found = RdtscSites.find(map, memory);
    apply(found.sites(), CodeBytes.physical(memory));
    RdtscSites left = RdtscSites.find(map, memory);
    if (!left.sites().isEmpty()) {
      throw new IllegalStateException("not patched: %s".formatted(left.sites().getFirst()));
    }
    done = found;
    return " tsc:" + Integer.toHexString(found.sites().hashCode());
  }

  /** What was patched by the last {@link #edit}. */
  public RdtscSites done() {
    return Objects.requireNonNull(done, "no kernel was patched");
  }

  /** Patches sites that the guest does not execute now, where {@link TscSite#physical} says. */
  static void apply(List<TscSite> sites, CodeBytes code) {
    for (TscSite site : sites) {
      byte[] patched = new byte[site.length()];
      Arrays.fill(patched, NOP);
      switch (site.kind()) {
        case RDTSC -> {
          patched[0] = IN_EAX_IMM8;
          patched[1] = (byte) MachineLayout.TSC;
        }
        case RDTSCP -> {
          patched[0] = 0x0f;
          patched[1] = 0x0b;
        }
        case WRITE_CR4, READ_CR4 ->
            throw new IllegalArgumentException("%s is no read of the counter".formatted(site));
      }
      code.swap(site.physical(), patched);
    }
  }
}
