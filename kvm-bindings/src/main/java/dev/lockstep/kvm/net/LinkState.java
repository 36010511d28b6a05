package dev.lockstep.kvm.net;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * What the kernel says of an interface when it is asked by RTM_GETLINK (rtnetlink(7)), as far as it is of use here.
 *
 * @param name the interface's
 * @param master index of the interface that this one is a port of; 0 for none
 * @param kind what made the interface, as {@code tun} or {@code bridge}; empty if the kernel does not say
 */
record LinkState(String name, int master, String kind) {
  /** The longest kind that is read; those of Linux have some ten letters. */
  private static final int MAX_KIND_BYTES = 63;

  /** Whether others can be its ports as a bridge's. */
  boolean isBridge() {
    return kind.equals("bridge");
  }

  /**
   * A question for one interface: {@code struct nlmsghdr}, {@code struct ifinfomsg}, no attributes.
   *
   * @param sequence comes back in the answer
   */
  static byte[] request(int sequence, int index) {
    int bytes = RouteAbi.HEADER_BYTES + RouteAbi.LINK_BYTES;
    ByteBuffer request = ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
    request.putInt(bytes);
    request.putShort((short) RouteAbi.RTM_GETLINK).putShort((short) RouteAbi.NLM_F_REQUEST);
    request.putInt(sequence).putInt(0);
    request.putInt(0).putInt(index);
    return request.array();
  }

  /**
   * Reads the answer, which must be one message and whole.
   *
   * @param answer all that came as one datagram, in the order of the host
   * @param sequence the question's
   * @param index the interface that was asked for
   * @throws KvmException the error that the kernel answers with, ENODEV if there is no such interface; EBADMSG for anything that is no answer to this question
   */
  static LinkState parse(ByteBuffer answer, int sequence, int index) {
    ByteBuffer in = answer.slice().order(ByteOrder.nativeOrder());
    require(in.remaining() >= RouteAbi.HEADER_BYTES, index);
    int length = in.getInt();
    int type = Short.toUnsignedInt(in.getShort());
    in.getShort(); // flags
    require(in.getInt() == sequence, index);
    in.getInt(); // this socket's port
    // Behind the message there may be what aligns it, and nothing else.
    require(
        length >= RouteAbi.HEADER_BYTES
            && length <= in.limit()
            && in.limit() - length < RouteAbi.NLMSG_ALIGNTO,
        index);
    in.limit(length);
    if (type == RouteAbi.NLMSG_ERROR) {
      require(in.remaining() >= Integer.BYTES, index);
      int error = in.getInt();
      require(error < 0 && error > -4096, index);
      throw refusal(index, -error);
    }
    require(type == RouteAbi.RTM_NEWLINK && in.remaining() >= RouteAbi.LINK_BYTES, index);
    in.getInt(); // family, hardware type
    require(in.getInt() == index, index);
    in.position(RouteAbi.HEADER_BYTES + RouteAbi.LINK_BYTES);
    return attributes(in, index);
  }

  private static LinkState attributes(ByteBuffer in, int index) {
    String name = "";
    int master = 0;
    String kind = "";
    while (in.hasRemaining()) {
      int type = typeAhead(in, index);
      ByteBuffer value = value(in, index);
      switch (type) {
        case RouteAbi.IFLA_IFNAME -> name = string(value, NetAbi.IFNAMSIZ - 1, index);
        case RouteAbi.IFLA_MASTER -> {
          require(value.remaining() == Integer.BYTES, index);
          master = value.getInt();
          require(master > 0, index);
        }
        case RouteAbi.IFLA_LINKINFO -> kind = kind(value, index);
        default -> {
          // There are some fifty others.
        }
      }
    }
    require(InterfaceCalls.isName(name), index);
    return new LinkState(name, master, kind);
  }

  private static String kind(ByteBuffer in, int index) {
    String kind = "";
    while (in.hasRemaining()) {
      int type = typeAhead(in, index);
      ByteBuffer value = value(in, index);
      if (type == RouteAbi.IFLA_INFO_KIND) {
        kind = string(value, MAX_KIND_BYTES, index);
      }
    }
    return kind;
  }

  /** The type of the attribute that comes next, without the bits that say how it is packed. */
  private static int typeAhead(ByteBuffer in, int index) {
    require(in.remaining() >= RouteAbi.ATTRIBUTE_BYTES, index);
    return in.getShort(in.position() + Short.BYTES) & RouteAbi.NLA_TYPE_MASK;
  }

  /** Takes the attribute that comes next, and what aligns it; its value. */
  private static ByteBuffer value(ByteBuffer in, int index) {
    int start = in.position();
    int length = Short.toUnsignedInt(in.getShort(start));
    require(length >= RouteAbi.ATTRIBUTE_BYTES && length <= in.remaining(), index);
    ByteBuffer value =
        in.slice(start + RouteAbi.ATTRIBUTE_BYTES, length - RouteAbi.ATTRIBUTE_BYTES)
            .order(in.order());
    int aligned = (length + RouteAbi.NLMSG_ALIGNTO - 1) & -RouteAbi.NLMSG_ALIGNTO;
    // The last one's padding may be missing.
    in.position(Math.min(in.limit(), start + aligned));
    return value;
  }

  /** A string with the zero that ends it, and no other. */
  private static String string(ByteBuffer value, int maxBytes, int index) {
    int length = value.remaining() - 1;
    require(length >= 0 && length <= maxBytes, index);
    byte[] bytes = new byte[length];
    value.get(bytes);
    require(value.get() == 0, index);
    for (byte each : bytes) {
      require(each != 0, index);
    }
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static void require(boolean condition, int index) {
    if (!condition) {
      throw refusal(index, Errno.EBADMSG);
    }
  }

  private static KvmException refusal(int index, int errno) {
    return new KvmException(
        "RTM_GETLINK of interface " + index,
        -1,
        errno,
        "The interface is gone, lies in another network namespace, or is named as no other: 'ip link' shows those that there are.");
  }
}
