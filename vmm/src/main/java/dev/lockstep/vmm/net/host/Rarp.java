package dev.lockstep.vmm.net.host;

import dev.lockstep.vmm.net.MacAddress;
import java.nio.ByteBuffer;

/** The frame that tells a network by which way an address is reached. */
final class Rarp {
  /** The shortest frame that Ethernet carries, without its checksum (IEEE 802.3, clause 3.2.8). */
  private static final int FRAME_BYTES = 60;

  private static final short TYPE_RARP = (short) 0x8035;
  private static final short HARDWARE_ETHERNET = 1;
  private static final short PROTOCOL_IPV4 = 0x0800;
  private static final short OPERATION_REQUEST_REVERSE = 3;

  private Rarp() {}

  /** "Who am I", asked of everybody by that address (RFC 903). */
  static byte[] request(MacAddress address) {
    ByteBuffer frame = ByteBuffer.allocate(FRAME_BYTES);
    for (int i = 0; i < MacAddress.OCTETS; i++) {
      frame.put((byte) 0xff);
    }
    put(frame, address);
    frame.putShort(TYPE_RARP);
    frame.putShort(HARDWARE_ETHERNET).putShort(PROTOCOL_IPV4);
    frame.put((byte) MacAddress.OCTETS).put((byte) 4).putShort(OPERATION_REQUEST_REVERSE);
    put(frame, address);
    frame.putInt(0);
    put(frame, address);
    frame.putInt(0);
    return frame.array();
  }

  private static void put(ByteBuffer frame, MacAddress address) {
    for (int i = 0; i < MacAddress.OCTETS; i++) {
      frame.put((byte) address.octet(i));
    }
  }
}
