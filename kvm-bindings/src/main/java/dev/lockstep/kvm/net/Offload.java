package dev.lockstep.kvm.net;

/** Work on frames that the reader of a tap device takes over from the kernel (linux/if_tun.h, TUN_F_*): frames then may be larger than the MTU, or without a checksum, and their virtio-net header says so. */
public enum Offload {
  /** Frames may come with a checksum yet to be filled in. The others need it. */
  CHECKSUM(NetAbi.TUN_F_CSUM),

  /** TCP over IPv4 may come unsegmented. */
  TSO4(NetAbi.TUN_F_TSO4),

  /** TCP over IPv6 may come unsegmented. */
  TSO6(NetAbi.TUN_F_TSO6),

  /** Unsegmented TCP may have the congestion bits set. */
  TSO_ECN(NetAbi.TUN_F_TSO_ECN);

  private final int bit;

  Offload(int bit) {
    this.bit = bit;
  }

  int bit() {
    return bit;
  }
}
