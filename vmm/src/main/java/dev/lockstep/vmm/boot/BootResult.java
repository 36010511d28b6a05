package dev.lockstep.vmm.boot;

import org.jspecify.annotations.Nullable;

/**
 * What was loaded, and where. All digests are SHA-256 in hexadecimal.
 *
 * @param kernelFormat for people: {@code vmlinux}, or {@code bzImage} with its protocol version and packing
 * @param kernelDigest over entry, addresses and bytes of the kernel's segments: the same for a bzImage and
 *     for the vmlinux inside
 * @param initrdDigest over the initrd's bytes; null if there is none
 * @param digest over all that the loader wrote into the guest, and the entry: equal digests are equal boots
 * @param kernelStart lowest guest-physical address of the kernel
 * @param kernelEnd first address after the kernel and the memory that it needs at once
 * @param entry guest-physical address of the first instruction
 * @param initrdStart guest-physical address of the initrd, 0 for none
 * @param initrdSize its bytes
 */
public record BootResult(
    String kernelFormat,
    String kernelDigest,
    @Nullable String initrdDigest,
    String digest,
    long kernelStart,
    long kernelEnd,
    long entry,
    long initrdStart,
    long initrdSize) {}
