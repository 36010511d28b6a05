package dev.lockstep.vmm.boot;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What to boot.
 *
 * @param kernel a bzImage or a 64-bit vmlinux
 * @param initrd an initramfs or a file system image; null for none
 * @param commandLine the kernel's whole command line
 * @param rngSeed bytes for the kernel's random number generator, 0 to {@link #MAX_SEED}; empty for none. The
 *     guest's random numbers follow from it, so replicas must share it
 */
public record BootOptions(Path kernel, @Nullable Path initrd, String commandLine, byte[] rngSeed) {
  /** Most bytes of a seed. */
  public static final int MAX_SEED = 1024;

  public BootOptions {
    if (rngSeed.length > MAX_SEED) {
      throw new IllegalArgumentException("a seed of %d bytes".formatted(rngSeed.length));
    }
    rngSeed = rngSeed.clone();
  }

  @Override
  public byte[] rngSeed() {
    return rngSeed.clone();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof BootOptions that
        && kernel.equals(that.kernel)
        && Objects.equals(initrd, that.initrd)
        && commandLine.equals(that.commandLine)
        && Arrays.equals(rngSeed, that.rngSeed);
  }

  @Override
  public int hashCode() {
    return Objects.hash(kernel, initrd, commandLine, Arrays.hashCode(rngSeed));
  }

  /** Without the seed, which is a secret of the guest. */
  @Override
  public String toString() {
    return "BootOptions[kernel=%s, initrd=%s, commandLine=%s]"
        .formatted(kernel, initrd, commandLine);
  }
}
