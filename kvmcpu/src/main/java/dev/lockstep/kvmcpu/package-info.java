/**
 * The engine {@code kvm}: {@link dev.lockstep.kvmcpu.KvmVcpu} keeps the contract of {@link dev.lockstep.engine.Vcpu} with a vCPU of the kernel. No interrupt controller, timer or paravirtual feature of the
 * kernel is used: all that a guest meets is the CPU, memory, and exits.
 *
 * <p><b>Where the guest is.</b> At each moment one of two holds the state: the kernel's vCPU, or the <i>finisher</i>, an exact engine (our software CPU) over the same memory. The finisher executes what
 * KVM's emulator refuses, single steps that the processor cannot be trusted with ({@link dev.lockstep.kvmcpu.PlainInstruction}), and whatever a state cannot say to KVM; then the state goes back with the
 * next run. Everything that crosses is a {@link dev.lockstep.engine.CpuState}, so nothing is special about it. The kernel knows nothing of what the finisher did to page tables and TLB, so {@link
 * dev.lockstep.kvmcpu.Translations} makes it forget them.
 *
 * <p><b>Exits that are half done.</b> KVM completes port and device accesses with the next KVM_RUN. A run gives the answer and goes on; whoever looks at the state before that makes KVM complete a write
 * first, by a KVM_RUN with immediate_exit, so that RIP stands where the contract says. A read that still waits is left alone: its registers are those before the instruction.
 *
 * <p><b>Counts.</b> By itself {@code branchCount} is not a count of branches but a measure of work: time that the vCPU has spent in the guest, in units of 20 ns, stretched where the probe found ring 0 to be slower than
 * hardware. It serves for virtual time and deadlines (a POSIX timer sends the kick signal); it is different in each execution, so such an engine can neither be recorded nor replicated, and has no execution points to seek. It
 * is a {@link dev.lockstep.counting.CountableVcpu}, though: under {@link dev.lockstep.counting.HardwareCountedVcpu} a counter of the PMU counts what the processor executes, and the finisher what it executes itself.
 */
@NullMarked
package dev.lockstep.kvmcpu;

import org.jspecify.annotations.NullMarked;
