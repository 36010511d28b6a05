package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.boot.KernelMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Patches a loaded Linux kernel so that every read of the time-stamp counter goes through the machine: its own ({@link TscPatch}), those of its modules and of programs ({@link ExactTsc}, which learns here
 * where it is called).
 */
public final class ExactTscPatch implements KernelEdit {
  /** Since Linux 5.8 ({@code arch/x86/include/asm/idtentry.h}). */
  private static final String FAULT_ENTRY = "asm_exc_general_protection";

  /** {@code arch/x86/kernel/module.c}. */
  private static final String MODULE_IN_PLACE = "module_finalize";

  /** Is there if the kernel can load modules at all. */
  private static final String MODULE_LOADER = "load_module";

  private final CpuModel model;
  private final ExactTsc exact;
  private @Nullable RdtscSites done;

  /**
   * @param model the CPU that the guest sees
   * @param exact of the machine that the kernel is loaded into
   */
  public ExactTscPatch(CpuModel model, ExactTsc exact) {
    this.model = model;
    this.exact = exact;
  }

  /**
   * @throws VmmException if something of it cannot be done with this kernel, saying what
   */
  @Override
  public String edit(KernelMap map, GuestMemory memory) {
    TscPatch counter = new TscPatch();
    String words = counter.edit(map, memory);
    RdtscSites sites = counter.done();
    CodeBytes code = CodeBytes.physical(memory);
    ControlPatch.apply(sites.controls(), code);
    Map<String, Long> symbols =
        KernelSymbols.find(map, memory, Set.of(FAULT_ENTRY, MODULE_IN_PLACE, MODULE_LOADER));
    @Nullable EntryPatch fault = entry(map, code, symbols.get(FAULT_ENTRY));
    @Nullable EntryPatch module = entry(map, code, symbols.get(MODULE_IN_PLACE));
    boolean stopsAtFaults = fault != null && fault.replacesNothing();
    boolean watchesModules = module != null || stopsAtFaults && !symbols.containsKey(MODULE_LOADER);
    require(sites, stopsAtFaults, watchesModules);
    Objects.requireNonNull(fault).apply(code, StopPort.FAULT);
    if (module != null) {
      module.apply(code, StopPort.MODULE);
    }
    exact.stopAt(fault, module);
    done = sites;
    return "%s cr4:%x fault:%x module:%x"
        .formatted(
            words,
            sites.controls().hashCode(),
            fault.physical(),
            module == null ? 0 : module.physical());
  }

  private void require(RdtscSites sites, boolean stopsAtFaults, boolean watchesModules) {
    ExactTscPolicy.Facts facts =
        new ExactTscPolicy.Facts(
            true, stopsAtFaults, sites.doubtful().isEmpty(), true, watchesModules);
    if (ExactTscPolicy.decide(model, facts) instanceof ExactTscPolicy.FreeRunning refused) {
      throw new VmmException(
          "this kernel does not fit: " + refused.message(),
          "Give the kernel as its distribution ships it, or run it without --patch-tsc on --engine soft.");
    }
  }

  private static @Nullable EntryPatch entry(
      KernelMap map, CodeBytes code, @Nullable Long function) {
    return function == null ? null : EntryPatch.of(map, code, function);
  }

  /** What was patched by the last {@link #edit}. */
  public RdtscSites done() {
    return Objects.requireNonNull(done, "no kernel was patched");
  }
}
