/**
 * The guest's reads of the time-stamp counter made deterministic on KVM, which never traps RDTSC. The machine calls this; it knows no engine.
 *
 * <p>Where the guest must stop, its code is patched: an instruction of two bytes becomes {@code OUT imm8, AL} to one of four ports ({@link dev.lockstep.vmm.tsc.StopPort}), an exit like every other, which
 * leaves ring 0 on every engine. So no engine needs breakpoints, the guest's debug registers stay its own, every stop lies at an execution point and repeats, and what is proved on {@code soft} holds on
 * {@code kvm}. What an OUT replaced is executed by the engine itself where it does anything ({@link dev.lockstep.vmm.tsc.DisplacedStep}): the bytes are put back, the vCPU steps, and the OUT is there again.
 * The machine never stops in between. The patch belongs to the machine, not to the engine: it is a fact in the log's header, and a guest that is recorded or moves is patched on every engine alike.
 *
 * <p>{@link dev.lockstep.vmm.tsc.ExactTscPatch} patches a loaded kernel, all in one go before its first instruction; the image on disk stays as it is. {@link dev.lockstep.vmm.tsc.ExactTsc} is what the
 * machine then does at the stops, and the state that goes into snapshots. A machine that was not asked to ({@code --patch-tsc}, {@code "patch_tsc": true}) is as if none of this were there.
 *
 * <p><b>The kernel.</b> {@link dev.lockstep.vmm.tsc.RdtscSites} finds its sites by decoding, {@link dev.lockstep.vmm.tsc.TscPatch} makes {@code IN EAX, imm8} of them: text, boot code and the alternatives
 * that are pasted over both. The port answers with EDX:EAX. RDTSCP becomes the #UD that our CPU models promise. Bytes that are data are left alone. Code that the kernel makes itself (BPF, kprobes, static
 * calls) copies patched instructions or reads no counter.
 *
 * <p><b>CR4.</b> TSD is set before the first instruction and held: each MOV to CR4 stops, and the engine executes it with TSD set in the register. Linux writes CR4 from a copy of its own and toggles the
 * bit for PR_SET_TSC and seccomp's strict mode, so it must see the bit as it wrote it: each MOV from CR4 stops as well and gives that. A guest that sets TSD itself gets its #GP.
 *
 * <p><b>Programs.</b> RDTSC in ring 3 raises #GP. The begin of {@code asm_exc_general_protection} stops, and {@link dev.lockstep.vmm.tsc.UserCounter} takes the exception back where RDTSC was its cause; in a
 * model without the counter it becomes #UD. Every other #GP goes on in the handler: what the OUT replaced there is two of the NOPs that the kernel keeps for CLAC, which no model of ours has. The vDSO is a
 * program's code: where Linux's clock source is the counter, each of its reads costs an exception and an exit.
 *
 * <p><b>Modules.</b> Five of the 1,121 of Debian's 6.1 cloud kernel read the counter ({@link dev.lockstep.vmm.tsc.ModuleSites} says which files do). Changing the files is no way: they are the user's, lie in
 * file systems that we do not parse, and their signatures would break. So the begin of {@code module_finalize} stops, which every module passes once its text is in place and relocated, before its
 * alternatives are pasted and before any of it runs: {@code do_init_module} would be too late for alternatives and for functions that module parameters call. Its arguments are ELF's own headers, so no
 * layout of the kernel's own is needed ({@link dev.lockstep.vmm.tsc.ModuleText}). A module whose text cannot be patched ends the machine by name.
 *
 * <p>Both functions' addresses come from the symbol table that kernels keep of themselves ({@link dev.lockstep.vmm.tsc.KernelSymbols}). A kernel without it, or with a form of code that is not known, is
 * refused, and {@link dev.lockstep.vmm.tsc.ExactTscPolicy} says why; the same policy refuses recording on a host whose KVM does not trap RDTSC in ring 3 (a probe finds out).
 *
 * <p>What is not covered: a kernel that the guest starts itself (kexec) is not patched; since CR4 is not written through the machine there either, TSD may be lost. Kernels since 6.13 that write a module's
 * text through a second mapping have not been tried. Function tracing of the two functions is no trouble (the call of it stays), a kprobe on their patched bytes is. Programs may not be given the ports
 * ({@code ioperm}) to effect: from ring 3 they are ports without a device.
 */
@NullMarked
package dev.lockstep.vmm.tsc;

import org.jspecify.annotations.NullMarked;
