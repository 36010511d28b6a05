package dev.lockstep.vmm.log;

/**
 * A disk's content at one moment.
 *
 * @param name of the disk in the configuration
 * @param bytes its size
 * @param hash XXH3 over its content; see {@link LogHash#disk}
 */
public record DiskIdentity(String name, long bytes, long hash) {}
