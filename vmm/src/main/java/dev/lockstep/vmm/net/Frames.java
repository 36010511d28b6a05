package dev.lockstep.vmm.net;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Ethernet frames packed behind each other, each behind its length in two bytes, the higher first. The form that frames have in the log, in a device's output stream, and between
 * a machine and its host. A frame is without its checksum (IEEE 802.3, clause 3.2.9): neither a virtio ring nor a tap device has one. Of an interface with offloads, each frame is packed together with the
 * {@link OffloadHeader} before it.
 */
public final class Frames {
  /** The shortest frame: two addresses and a type. */
  public static final int MIN_FRAME_BYTES = 14;

  /** The longest frame that a cable carries: a header with one VLAN tag, and 1,500 bytes. */
  public static final int MAX_FRAME_BYTES = 1_518;

  /** The longest that is packed: one that was not segmented, behind its {@link OffloadHeader}, so that its length and it are no more than an entry of a log holds. */
  public static final int MAX_PACKED_FRAME_BYTES = (1 << 16) - 2;

  /** Bytes of the length before each frame. */
  public static final int LENGTH_BYTES = 2;

  private Frames() {}

  /** Whether a frame of that length can be packed. */
  public static boolean fits(int frameBytes) {
    return frameBytes >= MIN_FRAME_BYTES && frameBytes <= MAX_PACKED_FRAME_BYTES;
  }

  /** One frame, packed. */
  public static byte[] pack(byte[] frame) {
    byte[] packed = new byte[LENGTH_BYTES + frame.length];
    putLength(packed, 0, frame.length);
    System.arraycopy(frame, 0, packed, LENGTH_BYTES, frame.length);
    return packed;
  }

  /** Writes the length that goes before a frame. */
  public static void putLength(byte[] into, int at, int frameBytes) {
    if (!fits(frameBytes)) {
      throw new IllegalArgumentException("a frame of %d bytes".formatted(frameBytes));
    }
    into[at] = (byte) (frameBytes >>> 8);
    into[at + 1] = (byte) frameBytes;
  }

  /**
   * The length of the frame that begins at an offset of checked bytes.
   *
   * @param at where its length is
   */
  public static int lengthAt(byte[] packed, int at) {
    return (packed[at] & 0xff) << 8 | packed[at + 1] & 0xff;
  }

  /** Where the frame behind the one at an offset begins. */
  public static int next(byte[] packed, int at) {
    return at + LENGTH_BYTES + lengthAt(packed, at);
  }

  /**
   * Checks bytes of which nothing is known.
   *
   * @return how many whole frames they are; -1 if they are not frames and nothing else
   */
  public static int count(byte[] packed) {
    int frames = 0;
    int at = 0;
    while (at < packed.length) {
      if (packed.length - at < LENGTH_BYTES || !fits(lengthAt(packed, at))) {
        return -1;
      }
      at = next(packed, at);
      frames++;
    }
    return at == packed.length ? frames : -1;
  }

  /**
   * How many bytes the first frames of checked bytes have, packed.
   *
   * @param maxFrames that many frames at most
   * @param maxBytes that many bytes at most
   */
  public static int bytesOfFirst(byte[] packed, int length, int maxFrames, int maxBytes) {
    int at = 0;
    for (int frames = 0; at < length && frames < maxFrames; frames++) {
      int next = next(packed, at);
      if (next > maxBytes) {
        break;
      }
      at = next;
    }
    return at;
  }

  /** The frames of checked bytes. */
  public static List<byte[]> unpack(byte[] packed) {
    List<byte[]> frames = new ArrayList<>();
    for (int at = 0; at < packed.length; at = next(packed, at)) {
      int from = at + LENGTH_BYTES;
      frames.add(Arrays.copyOfRange(packed, from, from + lengthAt(packed, at)));
    }
    return frames;
  }
}
