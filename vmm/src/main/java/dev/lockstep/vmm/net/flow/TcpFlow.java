package dev.lockstep.vmm.net.flow;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One direction of one TCP connection, as two guests have sent it: the bytes of its stream by their offset behind the initial sequence number, which of them either has sent, and how far either has acknowledged what it received. How
 * the bytes are cut into segments, how often they are sent and with what windows and timestamps makes no difference.
 */
final class TcpFlow {
  /** How much of the stream is kept at most: what only one has sent, and before it what a retransmission is compared with. */
  static final int MAX_BYTES = 1 << 19;

  /** How much of what both have sent is kept when room is needed. */
  private static final int HISTORY_BYTES = 1 << 17;

  /** How much before the first segment of a connection that is older than the comparison may be sent again. */
  private static final int BEFORE_FIRST = 1 << 16;

  private static final int MAX_RANGES = 256;

  /** Offsets of a connection whose beginning was not seen begin here. */
  private static final long MIDDLE = 1L << 40;

  /** One guest's side. */
  static final class Side {
    private final Ranges sent = new Ranges();
    private boolean began;
    private int initial;
    private byte[] synOptions = {};
    private int timestamp;
    private long finAt = -1;
    private boolean reset;
    private boolean acknowledges;
    private int acknowledged;

    private Side() {}

    /** Whether its SYN was seen. */
    boolean began() {
      return began;
    }

    int initial() {
      return initial;
    }

    /** The timestamp of its SYN; 0 if that had none. */
    int timestamp() {
      return timestamp;
    }
  }

  final Side theirs = new Side();
  final Side own = new Side();

  private boolean placed;
  private long placedOffset;
  private int placedSeq;
  private long floor;
  private byte[] bytes = {};

  /** Bytes that it keeps. */
  int size() {
    return bytes.length;
  }

  /** Whether this SYN begins another connection between the same ends. */
  static boolean isAnother(Side side, FrameView.Tcp segment) {
    return segment.has(FrameView.SYN)
        && (side.began ? side.initial != segment.seq() : side.acknowledges || side.reset);
  }

  /**
   * Takes a segment of one side.
   *
   * @return what is wrong with it; null if it does not contradict what was sent before by either
   */
  @Nullable String add(Side side, byte[] frame, FrameView.Tcp segment) {
    if (segment.has(FrameView.ACK)) {
      boolean later = segment.ack() - side.acknowledged > 0;
      if (!side.acknowledges || later) {
        side.acknowledged = segment.ack();
        side.acknowledges = true;
      }
    }
    if (segment.has(FrameView.RST)) {
      side.reset = true;
      return null;
    }
    if (segment.has(FrameView.SYN)) {
      side.began = true;
      side.initial = segment.seq();
      side.synOptions = fixedOptions(frame, segment);
      int timestamps = FlowTranslation.timestampsAt(frame, segment);
      side.timestamp = timestamps < 0 ? 0 : FrameView.i32(frame, timestamps);
      Side other = side == own ? theirs : own;
      if (other.began && !Arrays.equals(side.synOptions, other.synOptions)) {
        return "the options of a connection that is opened";
      }
    }
    if (segment.length() == 0 && !segment.has(FrameView.FIN)) {
      return null;
    }
    long from = offset(side, segment);
    long to = from + segment.length();
    String wrong = store(side, frame, segment.dataAt(), from, to);
    if (wrong == null && segment.has(FrameView.FIN)) {
      wrong = finish(side, to);
    }
    return wrong;
  }

  /** From now on what is sent here is moved to what the other has begun with. */
  void translated() {
    own.initial = theirs.initial;
    own.timestamp = theirs.timestamp;
  }

  private @Nullable String finish(Side side, long at) {
    Side other = side == own ? theirs : own;
    if (side.finAt >= 0 && side.finAt != at || other.finAt >= 0 && other.finAt != at) {
      return "where a connection ends";
    }
    side.finAt = at;
    return null;
  }

  /** Where the payload of a segment is in the stream. */
  private long offset(Side side, FrameView.Tcp segment) {
    int first = segment.has(FrameView.SYN) ? segment.seq() + 1 : segment.seq();
    Side other = side == own ? theirs : own;
    if (!placed) {
      placed = true;
      boolean fromStart = side.began || other.began;
      placedOffset = fromStart ? 0 : MIDDLE;
      placedSeq = fromStart ? 0 : first;
      floor = fromStart ? 0 : MIDDLE - BEFORE_FIRST;
    }
    // A side whose beginning was not seen counts as the other does: so it is behind a checkpoint.
    int base = side.began ? side.initial + 1 : other.began ? other.initial + 1 : placedSeq;
    long reference = Math.max(placedOffset, floor);
    return reference + (first - base - (int) (reference - placedOffset));
  }

  private @Nullable String store(Side side, byte[] frame, int dataAt, long from, long to) {
    if (from < floor) {
      return "something of a stream sent again that is no longer known";
    }
    if (!makeRoom(to) || side.sent.size() >= MAX_RANGES) {
      return "one guest far ahead of the other in a stream";
    }
    Side other = side == own ? theirs : own;
    long at = from;
    while (at < to) {
      long known = Math.max(side.sent.coveredTo(at), other.sent.coveredTo(at));
      long end = known > at ? Math.min(known, to) : nextKnown(side, other, at, to);
      int here = (int) (at - floor);
      int there = (int) (end - floor);
      int source = dataAt + (int) (at - from);
      if (known <= at) {
        System.arraycopy(frame, source, bytes, here, there - here);
      } else if (!Arrays.equals(bytes, here, there, frame, source, source + there - here)) {
        return "the content of a stream";
      }
      at = end;
    }
    side.sent.add(from, to);
    return null;
  }

  private static long nextKnown(Side side, Side other, long at, long to) {
    return Math.min(side.sent.nextCovered(at, to), other.sent.nextCovered(at, to));
  }

  private boolean makeRoom(long to) {
    if (to - floor > MAX_BYTES) {
      long both = Math.min(own.sent.coveredTo(floor), theirs.sent.coveredTo(floor));
      // The first bytes of an older connection are perhaps never sent by anybody.
      long from = Math.min(own.sent.nextCovered(floor, to), theirs.sent.nextCovered(floor, to));
      both = Math.max(both, Math.min(own.sent.coveredTo(from), theirs.sent.coveredTo(from)));
      long next = Math.max(floor, both - HISTORY_BYTES);
      if (to - next > MAX_BYTES) {
        return false;
      }
      int kept = (int) Math.max(0, floor + bytes.length - next);
      System.arraycopy(bytes, bytes.length - kept, bytes, 0, kept);
      own.sent.dropBefore(next);
      theirs.sent.dropBefore(next);
      floor = next;
    }
    int wanted = (int) (to - floor);
    if (wanted > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.min(MAX_BYTES, Math.max(wanted, 2 * bytes.length)));
    }
    return true;
  }

  /** Whether the guest here has sent all that a segment of the other says: its payload, its flags, and what it acknowledges. */
  boolean isMatched(FrameView.Tcp segment) {
    boolean received =
        !segment.has(FrameView.ACK)
            || segment.has(FrameView.RST)
            || own.acknowledges && own.acknowledged - segment.ack() >= 0;
    return received && isSent(own, segment);
  }

  /** Whether the other has sent all that a segment of the guest here says, but for what it acknowledges. */
  boolean isExpected(FrameView.Tcp segment) {
    return isSent(theirs, segment);
  }

  private boolean isSent(Side side, FrameView.Tcp segment) {
    if (segment.has(FrameView.RST)) {
      return side.reset;
    }
    if (segment.has(FrameView.SYN) && !side.began) {
      return false;
    }
    if (segment.length() == 0 && !segment.has(FrameView.FIN)) {
      return true;
    }
    Side sender = side == own ? theirs : own;
    long from = offset(sender, segment);
    long to = from + segment.length();
    boolean all = from < floor ? side.sent.coveredTo(floor) >= to : side.sent.covers(from, to);
    return all && (!segment.has(FrameView.FIN) || side.finAt == to);
  }

  /** The options of a SYN that both ends must know alike: all but its timestamp (RFC 7323, kind 8). */
  private static byte[] fixedOptions(byte[] frame, FrameView.Tcp segment) {
    int at = segment.tcpAt() + FrameView.TCP_BYTES;
    byte[] fixed = Arrays.copyOfRange(frame, at, segment.dataAt());
    int timestamps = FlowTranslation.timestampsAt(frame, segment);
    if (timestamps >= 0) {
      Arrays.fill(fixed, timestamps - at, timestamps - at + 8, (byte) 0);
    }
    return fixed;
  }
}
