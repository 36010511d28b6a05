package dev.lockstep.vmm.net.flow;

import java.util.Arrays;

/**
 * What a frame carries, as far as it is compared: Ethernet II with IPv4 (RFC 791) or IPv6 (RFC 8200) without extension headers, and in them TCP (RFC 9293), UDP (RFC 768) or the echo of ICMP (RFC 792, RFC 4443). Everything else is {@link
 * Other}, as is what is cut off or does not add up.
 */
sealed interface FrameView {
  int FIN = 0x01;
  int SYN = 0x02;
  int RST = 0x04;
  int ACK = 0x10;

  /**
   * A segment of TCP.
   *
   * @param tcpAt where its header is in the frame
   * @param dataAt where its payload is, {@code length} bytes
   */
  record Tcp(FlowKey key, int tcpAt, int seq, int ack, int flags, int dataAt, int length)
      implements FrameView {
    boolean has(int flag) {
      return (flags & flag) != 0;
    }
  }

  /** A datagram of UDP, or an echo of ICMP. */
  record Datagram(FlowKey key, int dataAt, int length) implements FrameView {}

  /** Anything else, which is compared whole. */
  record Other() implements FrameView {}

  Other OTHER = new Other();

  int ETHERNET_BYTES = 14;
  int TYPE_IPV4 = 0x0800;
  int TYPE_IPV6 = 0x86dd;
  int IPV4_BYTES = 20;
  int IPV6_BYTES = 40;
  int TCP_BYTES = 20;
  int UDP_BYTES = 8;
  int PROTOCOL_ICMP = 1;
  int PROTOCOL_TCP = 6;
  int PROTOCOL_UDP = 17;
  int PROTOCOL_ICMPV6 = 58;

  /** Looks into a frame of any content. */
  static FrameView of(byte[] frame) {
    if (frame.length < ETHERNET_BYTES) {
      return OTHER;
    }
    return switch (u16(frame, 12)) {
      case TYPE_IPV4 -> ipv4(frame);
      case TYPE_IPV6 -> ipv6(frame);
      default -> OTHER;
    };
  }

  private static FrameView ipv4(byte[] frame) {
    int at = ETHERNET_BYTES;
    if (frame.length < at + IPV4_BYTES || (frame[at] >> 4) != 4) {
      return OTHER;
    }
    int header = (frame[at] & 0xf) * 4;
    int total = u16(frame, at + 2);
    boolean fragment = (u16(frame, at + 6) & 0x3fff) != 0;
    if (fragment || header < IPV4_BYTES || total < header || at + total > frame.length) {
      return OTHER;
    }
    int protocol = frame[at + 9] & 0xff;
    return transport(frame, protocol, at + 12, 4, at + header, total - header);
  }

  private static FrameView ipv6(byte[] frame) {
    int at = ETHERNET_BYTES;
    if (frame.length < at + IPV6_BYTES || (frame[at] >> 4 & 0xf) != 6) {
      return OTHER;
    }
    int payload = u16(frame, at + 4);
    int protocol = frame[at + 6] & 0xff;
    if (at + IPV6_BYTES + payload > frame.length) {
      return OTHER;
    }
    return transport(frame, protocol, at + 8, 16, at + IPV6_BYTES, payload);
  }

  /**
   * @param addresses where the source's address is; the destination's is behind it, each of so many bytes
   * @param at where the transport's header is, with {@code length} bytes to the packet's end
   */
  private static FrameView transport(
      byte[] frame, int protocol, int addresses, int addressBytes, int at, int length) {
    switch (protocol) {
      case PROTOCOL_TCP -> {
        int header = length < TCP_BYTES ? 0 : (frame[at + 12] >> 4 & 0xf) * 4;
        if (header < TCP_BYTES || header > length) {
          return OTHER;
        }
        return new Tcp(
            key(frame, protocol, addresses, addressBytes, at, 4),
            at,
            i32(frame, at + 4),
            i32(frame, at + 8),
            frame[at + 13] & 0xff,
            at + header,
            length - header);
      }
      case PROTOCOL_UDP -> {
        return length < UDP_BYTES || u16(frame, at + 4) != length
            ? OTHER
            : new Datagram(
                key(frame, protocol, addresses, addressBytes, at, 4),
                at + UDP_BYTES,
                length - UDP_BYTES);
      }
      case PROTOCOL_ICMP, PROTOCOL_ICMPV6 -> {
        if (length < UDP_BYTES || !isEcho(protocol, frame[at] & 0xff)) {
          return OTHER;
        }
        // Type, code and identifier are the flow; the sequence number is compared with the data.
        byte[] id = {frame[at], frame[at + 1], frame[at + 4], frame[at + 5]};
        return new Datagram(key(frame, protocol, addresses, addressBytes, id), at + 6, length - 6);
      }
      default -> {
        return OTHER;
      }
    }
  }

  private static boolean isEcho(int protocol, int type) {
    return protocol == PROTOCOL_ICMP ? type == 0 || type == 8 : type == 128 || type == 129;
  }

  private static FlowKey key(
      byte[] frame, int protocol, int addresses, int addressBytes, int ports, int portBytes) {
    return key(
        frame,
        protocol,
        addresses,
        addressBytes,
        Arrays.copyOfRange(frame, ports, ports + portBytes));
  }

  private static FlowKey key(
      byte[] frame, int protocol, int addresses, int addressBytes, byte[] ends) {
    byte[] key = new byte[12 + 1 + 2 * addressBytes + ends.length];
    System.arraycopy(frame, 0, key, 0, 12);
    key[12] = (byte) protocol;
    System.arraycopy(frame, addresses, key, 13, 2 * addressBytes);
    System.arraycopy(ends, 0, key, 13 + 2 * addressBytes, ends.length);
    return new FlowKey(key);
  }

  /**
   * The ends of a TCP connection, the guest's first: network addresses and ports, since an answer may come by another way than the question went.
   *
   * @param frame a segment of it
   * @param fromGuest whether the guest has sent it
   */
  static FlowKey ends(byte[] frame, boolean fromGuest) {
    boolean four = u16(frame, 12) == TYPE_IPV4;
    int bytes = four ? 4 : 16;
    int addresses = ETHERNET_BYTES + (four ? 12 : 8);
    int ports = ETHERNET_BYTES + (four ? (frame[ETHERNET_BYTES] & 0xf) * 4 : IPV6_BYTES);
    byte[] ends = new byte[2 * bytes + 4];
    int guest = fromGuest ? 0 : 1;
    System.arraycopy(frame, addresses + guest * bytes, ends, 0, bytes);
    System.arraycopy(frame, addresses + (1 - guest) * bytes, ends, bytes, bytes);
    System.arraycopy(frame, ports + guest * 2, ends, 2 * bytes, 2);
    System.arraycopy(frame, ports + (1 - guest) * 2, ends, 2 * bytes + 2, 2);
    return new FlowKey(ends);
  }

  /** Two bytes, the higher first. */
  static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
  }

  /** Four bytes, the highest first. */
  static int i32(byte[] bytes, int at) {
    return u16(bytes, at) << 16 | u16(bytes, at + 2);
  }
}
