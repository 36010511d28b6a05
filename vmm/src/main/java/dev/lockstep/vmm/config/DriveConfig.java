package dev.lockstep.vmm.config;

import java.nio.file.Path;

/**
 * A disk.
 *
 * @param id its name in logs and messages, and its serial number in the guest: 1 to 20 letters, digits, '_' or
 *     '-'
 * @param path the image on the host
 * @param readOnly whether the guest may only read it
 * @param root whether the kernel mounts it as its root
 */
public record DriveConfig(String id, Path path, boolean readOnly, boolean root) {}
