package dev.lockstep.vmm.net.flow;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Makes a guest's TCP connections those of another guest whose part it takes. Each has drawn initial sequence numbers and timestamp offsets of its own; the other end knows only those of the first. So what the guest sends is moved by
 * their difference, and what it gets (acknowledgements, selective ones (RFC 2018), echoed timestamps (RFC 7323)) is moved back; checksums are adjusted, not made anew (RFC 1624), so that a wrong one stays wrong. Of connections that
 * nothing was learnt about nothing is changed.
 *
 * <p>It is a part of the machine's state: a connection keeps its translation for as long as it lives.
 */
public final class FlowTranslation {
  static final int MAX_CONNECTIONS = 4096;

  private static final int KIND_END = 0, KIND_NOP = 1, KIND_SACK = 5, KIND_TIMESTAMPS = 8;
  private static final int TIMESTAMPS_BYTES = 10;
  private static final int SEQ_AT = 4, ACK_AT = 8, CHECKSUM_AT = 16;
  private static final int MAX_KEY_BYTES = 64;

  /** Added to what the guest sends, taken from what it gets. */
  private record Shift(int sequence, int timestamp) {
    static final Shift NONE = new Shift(0, 0);
  }

  /** By its ends, the guest's first; the least recently used first. */
  private final Map<FlowKey, Shift> shifts = new LinkedHashMap<>(16, 0.75f, true);

  /** Whether nothing is translated. */
  public boolean isEmpty() {
    return shifts.isEmpty();
  }

  /** How many connections are translated. */
  public int size() {
    return shifts.size();
  }

  /**
   * The other guest has begun a connection otherwise than this one seems to have, as it is translated so far.
   *
   * @param frame a segment of it that this guest has sent
   * @param sequence how much larger the other's initial sequence number is
   * @param timestamp the same of the timestamps
   */
  void learn(byte[] frame, int sequence, int timestamp) {
    FlowKey ends = FrameView.ends(frame, true);
    Shift before = shifts.getOrDefault(ends, Shift.NONE);
    Shift now = new Shift(before.sequence + sequence, before.timestamp + timestamp);
    if (now.equals(Shift.NONE)) {
      shifts.remove(ends);
    } else {
      shifts.put(ends, now);
      if (shifts.size() > MAX_CONNECTIONS) {
        shifts.remove(shifts.keySet().iterator().next());
      }
    }
  }

  /** What the other end is to get of a frame that the guest sends; the same array if nothing is to be changed. */
  public byte[] outbound(byte[] frame) {
    if (shifts.isEmpty() || !(FrameView.of(frame) instanceof FrameView.Tcp segment)) {
      return frame;
    }
    Shift shift = shifts.get(FrameView.ends(frame, true));
    if (shift == null) {
      return frame;
    }
    byte[] moved = frame.clone();
    add(moved, segment, segment.tcpAt() + SEQ_AT, shift.sequence);
    int timestamps = timestampsAt(moved, segment);
    if (timestamps >= 0) {
      add(moved, segment, timestamps, shift.timestamp);
    }
    return moved;
  }

  /** What the guest is to get of a frame that the other end has sent. */
  public byte[] inbound(byte[] frame) {
    if (shifts.isEmpty() || !(FrameView.of(frame) instanceof FrameView.Tcp segment)) {
      return frame;
    }
    Shift shift = shifts.get(FrameView.ends(frame, false));
    if (shift == null) {
      return frame;
    }
    byte[] moved = frame.clone();
    if (segment.has(FrameView.ACK)) {
      add(moved, segment, segment.tcpAt() + ACK_AT, -shift.sequence);
    }
    int at = segment.tcpAt() + FrameView.TCP_BYTES;
    while (at < segment.dataAt()) {
      int length = optionBytes(moved, at, segment.dataAt());
      if (length == 0) {
        break;
      }
      if (moved[at] == KIND_TIMESTAMPS && length == TIMESTAMPS_BYTES) {
        add(moved, segment, at + 6, -shift.timestamp);
      } else if (moved[at] == KIND_SACK) {
        for (int edge = at + 2; edge + 4 <= at + length; edge += 4) {
          add(moved, segment, edge, -shift.sequence);
        }
      }
      at += length;
    }
    return moved;
  }

  /** Where the timestamp of a segment is; -1 if it has none. */
  static int timestampsAt(byte[] frame, FrameView.Tcp segment) {
    int at = segment.tcpAt() + FrameView.TCP_BYTES;
    while (at < segment.dataAt()) {
      int length = optionBytes(frame, at, segment.dataAt());
      if (length == 0) {
        return -1;
      }
      if (frame[at] == KIND_TIMESTAMPS && length == TIMESTAMPS_BYTES) {
        return at + 2;
      }
      at += length;
    }
    return -1;
  }

  /** How long the option at an offset is; 0 if there is none that can be read. */
  static int optionBytes(byte[] frame, int at, int end) {
    if (frame[at] == KIND_END) {
      return 0;
    }
    if (frame[at] == KIND_NOP) {
      return 1;
    }
    int length = at + 1 < end ? frame[at + 1] & 0xff : 0;
    return length < 2 || at + length > end ? 0 : length;
  }

  /** Adds to a number of four bytes, and adjusts the checksum (RFC 1624 equation 3). */
  private static void add(byte[] frame, FrameView.Tcp segment, int at, int difference) {
    int before = sum(frame, segment.tcpAt(), at);
    int value = FrameView.i32(frame, at) + difference;
    for (int i = 0; i < 4; i++) {
      frame[at + i] = (byte) (value >>> (24 - 8 * i));
    }
    int checksumAt = segment.tcpAt() + CHECKSUM_AT;
    int sum = ~FrameView.u16(frame, checksumAt) & 0xffff;
    sum += (~before & 0xffff) + sum(frame, segment.tcpAt(), at);
    int checksum = ~fold(sum);
    frame[checksumAt] = (byte) (checksum >> 8);
    frame[checksumAt + 1] = (byte) checksum;
  }

  /** What four bytes add to a checksum whose words begin at an offset. */
  private static int sum(byte[] frame, int from, int at) {
    int sum = 0;
    for (int i = at; i < at + 4; i++) {
      int octet = frame[i] & 0xff;
      sum += (i - from) % 2 == 0 ? octet << 8 : octet;
    }
    return fold(sum);
  }

  private static int fold(int sum) {
    int folded = sum;
    while (folded >> 16 != 0) {
      folded = (folded & 0xffff) + (folded >> 16);
    }
    return folded;
  }

  /** Forgets everything. */
  public void clear() {
    shifts.clear();
  }

  /** Writes it. */
  public void writeTo(DataOutput out) throws IOException {
    out.writeInt(shifts.size());
    for (Map.Entry<FlowKey, Shift> next : shifts.entrySet()) {
      byte[] key = next.getKey().bytes();
      out.writeByte(key.length);
      out.write(key);
      out.writeInt(next.getValue().sequence);
      out.writeInt(next.getValue().timestamp);
    }
  }

  /**
   * Reads what {@link #writeTo} wrote, in place of what it has.
   *
   * @throws IOException if it is anything else
   */
  public void readFrom(DataInput in) throws IOException {
    clear();
    int count = in.readInt();
    if (count < 0 || count > MAX_CONNECTIONS) {
      throw new IOException("%d connections that are translated".formatted(count));
    }
    for (int i = 0; i < count; i++) {
      int length = in.readUnsignedByte();
      if (length > MAX_KEY_BYTES) {
        throw new IOException("the ends of a connection in %d bytes".formatted(length));
      }
      byte[] key = new byte[length];
      in.readFully(key);
      shifts.put(new FlowKey(key), new Shift(in.readInt(), in.readInt()));
    }
  }
}
