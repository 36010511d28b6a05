/**
 * Memory that a machine's guest memory can be made of: files without a name ({@link dev.lockstep.kvm.memory.MemoryFile}, memfd_create(2)) with seals, shared or copy-on-write mappings of them as segments
 * that an arena unmaps, and advice to the kernel about a mapping ({@link dev.lockstep.kvm.memory.Mappings}, madvise(2)). A machine's owner calls it; nothing here is on a hot path.
 */
@NullMarked
package dev.lockstep.kvm.memory;

import org.jspecify.annotations.NullMarked;
