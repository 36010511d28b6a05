package dev.lockstep.vmm.net;

/**
 * {@code struct virtio_net_hdr} with its number of buffers (virtio 1.2, section 5.1.6; linux/virtio_net.h), which goes before each frame of an interface with offloads: what is left to do with it, a
 * checksum to fill in or the segments to cut. All fields are little-endian.
 */
public final class OffloadHeader {
  /** Its bytes. */
  public static final int BYTES = 12;

  private static final int FLAGS = 0;
  private static final int SEGMENTATION = 1;
  private static final int SEGMENT_BYTES = 4;
  private static final int CHECKSUM_START = 6;
  private static final int CHECKSUM_OFFSET = 8;
  private static final int BUFFERS = 10;

  private static final int NEEDS_CHECKSUM = 1;
  private static final int CHECKSUM_IS_VALID = 2;

  private static final int WHOLE = 0;
  private static final int TCP_V4 = 1;
  private static final int TCP_V6 = 4;
  private static final int ECN = 0x80;

  private static final int CHECKSUM_BYTES = 2;

  private OffloadHeader() {}

  /**
   * Whether a frame behind its header is one that a side with these offloads takes: nothing is left to do but what it does, and what is to be done lies inside the frame.
   *
   * @param bytes has both
   * @param at where the header begins
   * @param length of both
   */
  public static boolean fits(byte[] bytes, int at, int length, Offloads offloads) {
    int frame = length - BYTES;
    if (frame < Frames.MIN_FRAME_BYTES || length > Frames.MAX_PACKED_FRAME_BYTES) {
      return false;
    }
    boolean summed = (bytes[at + FLAGS] & NEEDS_CHECKSUM) == 0;
    if (!summed && (!offloads.checksum() || !checksumInside(bytes, at, frame))) {
      return false;
    }
    int kind = bytes[at + SEGMENTATION] & 0xff;
    boolean segmentable =
        switch (kind & ~ECN) {
          case WHOLE -> kind == WHOLE;
          case TCP_V4 -> offloads.tcp4();
          case TCP_V6 -> offloads.tcp6();
          default -> false;
        };
    if (!segmentable || (kind & ECN) != 0 && !offloads.ecn()) {
      return false;
    }
    return kind == WHOLE
        ? frame <= Frames.MAX_FRAME_BYTES
        : !summed && number(bytes, at + SEGMENT_BYTES) > 0;
  }

  private static boolean checksumInside(byte[] bytes, int at, int frame) {
    return number(bytes, at + CHECKSUM_START) + number(bytes, at + CHECKSUM_OFFSET) + CHECKSUM_BYTES
        <= frame;
  }

  /** Leaves of a guest's header what a host reads: no flag but the one of a checksum that is to be filled in, no number of buffers. */
  public static void clearForHost(byte[] bytes, int at) {
    bytes[at + FLAGS] &= NEEDS_CHECKSUM;
    setBuffers(bytes, at, 0);
  }

  /** Leaves of a host's header what a guest with these offloads may read. */
  public static void clearForGuest(byte[] bytes, int at, Offloads offloads) {
    int read = offloads.checksum() ? NEEDS_CHECKSUM | CHECKSUM_IS_VALID : 0;
    bytes[at + FLAGS] = (byte) (bytes[at + FLAGS] & read);
  }

  /** A frame with nothing left to do, behind its header. */
  public static byte[] before(byte[] frame) {
    byte[] both = new byte[BYTES + frame.length];
    System.arraycopy(frame, 0, both, BYTES, frame.length);
    return both;
  }

  /** Sets over how many buffers the frame goes. */
  public static void setBuffers(byte[] bytes, int at, int buffers) {
    bytes[at + BUFFERS] = (byte) buffers;
    bytes[at + BUFFERS + 1] = (byte) (buffers >>> 8);
  }

  private static int number(byte[] bytes, int at) {
    return bytes[at] & 0xff | (bytes[at + 1] & 0xff) << 8;
  }
}
