package dev.lockstep.vmm.net.flow;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Frames of one guest, as a guest would send them. */
final class TestFrames {
  static final int FIN = 1, SYN = 2, RST = 4, ACK = 16;
  static final int GUEST = 0x0a000002;
  static final int CLIENT = 0x0a000001;
  private static final long GUEST_MAC = 0x525400123456L;
  private static final long CLIENT_MAC = 0x525400abcdefL;

  private TestFrames() {}

  /** A segment from port 80 of the guest to a port of the client, without options. */
  static byte[] tcp(int clientPort, int seq, int ack, int flags, String payload) {
    return segment(true, clientPort, seq, ack, flags, new byte[0], payload);
  }

  /** A segment in either direction. */
  static byte[] segment(
      boolean fromGuest, int clientPort, int seq, int ack, int flags, byte[] options, String text) {
    byte[] payload = text.getBytes(StandardCharsets.ISO_8859_1);
    int header = 20 + options.length;
    ByteBuffer tcp = ByteBuffer.allocate(header + payload.length);
    tcp.putShort((short) (fromGuest ? 80 : clientPort));
    tcp.putShort((short) (fromGuest ? clientPort : 80));
    tcp.putInt(seq).putInt(ack).put((byte) (header / 4 << 4)).put((byte) flags);
    tcp.putShort((short) 1000).putInt(0).put(options).put(payload);
    byte[] frame = ip(fromGuest, 6, tcp.array());
    putChecksum(frame);
    return frame;
  }

  /** The option by which timestamps are sent, padded (RFC 7323). */
  static byte[] timestamps(int value, int echo) {
    return ByteBuffer.allocate(12).put(new byte[] {1, 1, 8, 10}).putInt(value).putInt(echo).array();
  }

  /** A datagram from the guest. */
  static byte[] udp(int port, String text) {
    byte[] payload = text.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer udp = ByteBuffer.allocate(8 + payload.length);
    udp.putShort((short) 53).putShort((short) port).putShort((short) (8 + payload.length));
    udp.putShort((short) 0).put(payload);
    return ip(true, 17, udp.array());
  }

  /** An answer to an echo. */
  static byte[] echo(int id, int sequence) {
    return ip(
        true,
        1,
        ByteBuffer.allocate(12)
            .putInt(0)
            .putShort((short) id)
            .putShort((short) sequence)
            .putInt(7)
            .array());
  }

  /** An ARP request of the guest. */
  static byte[] arp(int forAddress) {
    ByteBuffer arp = ByteBuffer.allocate(42);
    ethernet(arp, true, 0x0806);
    arp.putShort((short) 1).putShort((short) 0x800).putShort((short) 0x604).putShort((short) 1);
    arp.putShort((short) (GUEST_MAC >> 32)).putInt((int) GUEST_MAC).putInt(GUEST);
    arp.putShort((short) 0).putInt(0).putInt(forAddress);
    return arp.array();
  }

  private static byte[] ip(boolean fromGuest, int protocol, byte[] content) {
    ByteBuffer frame = ByteBuffer.allocate(34 + content.length);
    ethernet(frame, fromGuest, 0x0800);
    frame.put((byte) 0x45).put((byte) 0).putShort((short) (20 + content.length)).putInt(0);
    frame.put((byte) 64).put((byte) protocol).putShort((short) 0);
    frame.putInt(fromGuest ? GUEST : CLIENT).putInt(fromGuest ? CLIENT : GUEST).put(content);
    return frame.array();
  }

  private static void ethernet(ByteBuffer frame, boolean fromGuest, int type) {
    long to = fromGuest ? CLIENT_MAC : GUEST_MAC;
    long from = fromGuest ? GUEST_MAC : CLIENT_MAC;
    frame.putShort((short) (to >> 32)).putInt((int) to);
    frame.putShort((short) (from >> 32)).putInt((int) from).putShort((short) type);
  }

  private static void putChecksum(byte[] frame) {
    frame[50] = 0;
    frame[51] = 0;
    int sum = checksum(frame);
    frame[50] = (byte) (sum >> 8);
    frame[51] = (byte) sum;
  }

  /** What the checksum of a segment in a frame comes to (RFC 9293 section 3.1): 0 if the one that is in it is right. */
  static int checksum(byte[] frame) {
    int length = frame.length - 34;
    long sum = 6 + length;
    for (int at = 26; at < frame.length; at += 2) {
      sum += (frame[at] & 0xff) << 8 | (at + 1 < frame.length ? frame[at + 1] & 0xff : 0);
    }
    while (sum >> 16 != 0) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) ~sum & 0xffff;
  }
}
