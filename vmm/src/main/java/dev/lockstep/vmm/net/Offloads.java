package dev.lockstep.vmm.net;

/**
 * What one side of a network interface does with frames in place of the other.
 *
 * @param checksum fills in checksums of TCP and UDP, or does not miss them; the others need it
 * @param tcp4 takes TCP over IPv4 unsegmented
 * @param tcp6 takes TCP over IPv6 unsegmented
 * @param ecn takes it with the congestion bits of RFC 3168 set
 */
public record Offloads(boolean checksum, boolean tcp4, boolean tcp6, boolean ecn) {
  /** Every frame is whole, with its checksums. */
  public static final Offloads NONE = new Offloads(false, false, false, false);
}
