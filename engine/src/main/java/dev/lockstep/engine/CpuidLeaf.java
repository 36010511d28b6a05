package dev.lockstep.engine;

/**
 * One answer of CPUID.
 *
 * @param function the leaf (EAX on entry)
 * @param index the subleaf (ECX on entry), or -1 where the leaf does not look at ECX
 */
public record CpuidLeaf(int function, int index, int eax, int ebx, int ecx, int edx) {}
