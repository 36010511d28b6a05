package dev.lockstep.kvm;

/**
 * One {@code kvm_cpuid_entry2}: what CPUID answers for a leaf.
 *
 * @param function EAX of the question
 * @param index ECX of the question, if {@code flags} say that it matters
 * @param flags KVM_CPUID_FLAG_*
 */
public record CpuidEntry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {}
