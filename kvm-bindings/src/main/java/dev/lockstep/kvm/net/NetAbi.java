package dev.lockstep.kvm.net;

/** Numbers of Linux for network interfaces that the generated bindings lack, under their own names (linux/if_tun.h, linux/if.h, linux/sockios.h, bits/socket.h); a test holds them against the host's headers. */
final class NetAbi {
  static final int SIOCGIFFLAGS = 0x8913;
  static final int SIOCSIFFLAGS = 0x8914;
  static final int SIOCGIFMTU = 0x8921;
  static final int SIOCSIFMTU = 0x8922;
  static final int SIOCGIFHWADDR = 0x8927;
  static final int SIOCGIFINDEX = 0x8933;
  static final int SIOCBRADDIF = 0x89a2;

  static final int IFF_UP = 1;
  static final int IFNAMSIZ = 16;

  static final int AF_INET = 2;
  static final int AF_NETLINK = 16;
  static final int SOCK_DGRAM = 2;
  static final int SOCK_RAW = 3;
  static final int SOCK_NONBLOCK = 0x800;
  static final int SOCK_CLOEXEC = 0x80000;

  static final long TUNGETIFF = 0x800454d2L;
  static final int IFF_PERSIST = 0x0800;
  static final int TUN_F_CSUM = 0x01;
  static final int TUN_F_TSO4 = 0x02;
  static final int TUN_F_TSO6 = 0x04;
  static final int TUN_F_TSO_ECN = 0x08;

  private NetAbi() {}
}
