/**
 * The guest's reads of the time-stamp counter made deterministic on KVM, which never traps RDTSC. Engines and the machine call this; it knows no engine.
 *
 * <p><b>The kernel.</b> {@link dev.lockstep.vmm.tsc.RdtscSites} finds the sites of a loaded kernel by decoding, {@link dev.lockstep.vmm.tsc.TscPatch} makes {@code IN EAX, imm8} of them: the boot
 * loader's caller hands it in as a {@link dev.lockstep.vmm.boot.KernelEdit}. Text, boot code and the alternatives that are pasted over both are patched in one go, before the first instruction runs;
 * the image on disk stays as it is. The port answers with EDX:EAX. RDTSCP becomes the #UD that our CPU models promise. The patch belongs to the machine, not to the engine: a guest that is recorded or
 * moves is patched on every engine alike.
 *
 * <p>What is left alone: the vDSO's code (ring 3, below); bytes that are data. Code that the kernel makes itself (BPF, kprobes, static calls) copies patched instructions or reads no counter.
 *
 * <p><b>Programs.</b> CR4.TSD is held set; the engine stops the guest at the first instruction of its #GP handler by an execution breakpoint and calls {@link dev.lockstep.vmm.tsc.UserCounter}. The
 * breakpoint's address is read from the IDT when it is loaded and again after each LIDT-like change that is seen. Where RFLAGS.RF is not honoured, the engine takes the breakpoint off, makes one exact
 * step, and puts it back. Linux writes CR4 from a copy of its own: TSD set between the kernel's entry and the first use of that copy ({@code cr4_init_shadow}, in the boot processor's first C function)
 * is in the copy from then on, but PR_SET_TSC and seccomp's strict mode toggle the bit. So a host is exact only where writes of CR4 are seen: MOV to CR4 has three bytes and a handful of sites in
 * kernel text, to be patched into OUT to a port by the same means as RDTSC.
 *
 * <p><b>Modules.</b> {@link dev.lockstep.vmm.tsc.ModuleSites} says which files have sites: none of those that a virtio guest needs, five of the 1,121 of Debian's 6.1 cloud kernel (kvm, kvm-intel, tcrypt,
 * intel_powerclamp, jitterentropy_rng). Changing the files is no way: they are the user's, lie in file systems that we do not parse, and their signatures would break. Nor is taking away execute permission
 * until the first fetch: KVM has no such slots. The way is to stop once for each module when its text is in place and relocated, and has not run: at the entry of {@code do_init_module}, whose address the
 * kernel's symbol table (kallsyms, kept by stripped kernels) gives and whose argument's layout the kernel's own type information (.BTF) gives, by an execution breakpoint or by a patched exit; then to
 * decode from the module's symbols and patch as above. That is not built yet: {@link dev.lockstep.vmm.tsc.ExactTscPolicy} wants it as a fact of the engine and refuses exact recording without it.
 */
@NullMarked
package dev.lockstep.vmm.tsc;

import org.jspecify.annotations.NullMarked;
