package dev.lockstep.kvm.net;

/** Numbers and sizes of messages about interfaces (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h), under their own names; a test holds them against the host's headers. */
final class RouteAbi {
  static final int NETLINK_ROUTE = 0;
  static final int NLM_F_REQUEST = 0x01;
  static final int NLMSG_ERROR = 0x02;
  static final int NLMSG_ALIGNTO = 4;
  static final int NLA_TYPE_MASK = 0x3fff;

  static final int RTM_NEWLINK = 16;
  static final int RTM_GETLINK = 18;

  static final int IFLA_IFNAME = 3;
  static final int IFLA_MASTER = 10;
  static final int IFLA_LINKINFO = 18;
  static final int IFLA_INFO_KIND = 1;

  /** {@code struct nlmsghdr}: length u32, type u16, flags u16, sequence u32, port u32. */
  static final int HEADER_BYTES = 16;

  /** {@code struct ifinfomsg}: family u8, padding u8, hardware type u16, index i32, flags u32, change mask u32. */
  static final int LINK_BYTES = 16;

  /** {@code struct nlattr}: length with itself u16, type u16. */
  static final int ATTRIBUTE_BYTES = 4;

  private RouteAbi() {}
}
