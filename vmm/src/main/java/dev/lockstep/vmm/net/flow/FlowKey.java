package dev.lockstep.vmm.net.flow;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Whose frames these are, from the guest's side: both link addresses, both network addresses, the protocol, and its ports or what stands for them. */
final class FlowKey {
  private final byte[] bytes;

  /**
   * @param bytes become the key's
   */
  FlowKey(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Not to be changed. */
  byte[] bytes() {
    return bytes;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof FlowKey that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }
}
