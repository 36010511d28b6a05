package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.net.Frames;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** What the guest has put out on each stream since the last output entry. Streams are device indexes. */
final class OutputCollector {
  /** The most bytes of one output entry. */
  static final int MAX_ENTRY_BYTES = 1 << 16;

  /** More than this between two boundaries cannot be. */
  private static final int MAX_PENDING_BYTES = 1 << 26;

  private static final int MIN_CAPACITY = 256;

  /** How much of an output that differs is shown. */
  private static final int MAX_EXCERPT_BYTES = 64;

  private final byte[][] pending;
  private final int[] sizes;
  private final long[] offsets;
  private final int frameStream;
  private long total;

  /**
   * @param devices how many devices there are; any may have a stream
   * @param frameStream the stream of which no entry ends inside a frame; -1 for none
   */
  OutputCollector(int devices, int frameStream) {
    pending = new byte[devices][0];
    sizes = new int[devices];
    offsets = new long[devices];
    this.frameStream = frameStream;
  }

  /** The guest puts out one byte. */
  void put(int stream, int value) {
    reserve(stream, 1);
    pending[stream][sizes[stream]++] = (byte) value;
    total++;
  }

  /** The guest sends a frame. */
  void putFrame(int stream, byte[] frame) {
    reserve(stream, Frames.LENGTH_BYTES + frame.length);
    int size = sizes[stream];
    Frames.putLength(pending[stream], size, frame.length);
    System.arraycopy(frame, 0, pending[stream], size + Frames.LENGTH_BYTES, frame.length);
    sizes[stream] = size + Frames.LENGTH_BYTES + frame.length;
    total += Frames.LENGTH_BYTES + frame.length;
  }

  private void reserve(int stream, int more) {
    int size = sizes[stream];
    int capacity = pending[stream].length;
    if (capacity - size < more) {
      if (size >= MAX_PENDING_BYTES) {
        throw new IllegalStateException(
            "%d bytes of stream %d wait for their entry".formatted(size, stream));
      }
      pending[stream] =
          Arrays.copyOf(
              pending[stream], Math.max(MIN_CAPACITY, Math.max(2 * capacity, size + more)));
    }
  }

  /** How many streams there can be. */
  int streams() {
    return sizes.length;
  }

  /** How many bytes wait on a stream. */
  int waiting(int stream) {
    return sizes[stream];
  }

  /** Takes every frame that waits, packed. */
  byte[] takeFrames() {
    byte[] taken = Arrays.copyOf(pending[frameStream], sizes[frameStream]);
    sizes[frameStream] = 0;
    return taken;
  }

  /** Bytes put out on all streams since creation. */
  long total() {
    return total;
  }

  /** A stream with bytes that no entry has named, or -1. */
  int pendingStream() {
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] > 0) {
        return i;
      }
    }
    return -1;
  }

  /** The entry for the bytes that wait on a stream. */
  LogEntry.OutputEntry entry(int stream, Moment at) {
    int length =
        stream == frameStream
            ? Frames.bytesOfFirst(
                pending[stream], sizes[stream], Integer.MAX_VALUE, MAX_ENTRY_BYTES)
            : Math.min(sizes[stream], MAX_ENTRY_BYTES);
    long hash = LogHash.of(pending[stream], 0, length);
    return new LogEntry.OutputEntry(at, stream, offsets[stream], length, hash);
  }

  /** What differs between an entry and what waits here, as "field, recorded, replayed"; null if it is the same. */
  String @Nullable [] difference(LogEntry.OutputEntry entry) {
    int stream = entry.stream();
    if (stream >= sizes.length) {
      return new String[] {"output stream", String.valueOf(stream), "none of that number"};
    }
    if (offsets[stream] != entry.offset()) {
      return new String[] {
        "output offset of stream " + stream,
        String.valueOf(entry.offset()),
        String.valueOf(offsets[stream])
      };
    }
    if (sizes[stream] < entry.length()) {
      return new String[] {
        "output of stream %d from offset %d".formatted(stream, entry.offset()),
        entry.length() + " bytes",
        sizes[stream] + " bytes"
      };
    }
    if (stream == frameStream && !endsBetweenFrames(entry.length())) {
      return new String[] {
        "output of stream %d from offset %d".formatted(stream, entry.offset()),
        entry.length() + " bytes, the last of them inside a frame",
        "whole frames"
      };
    }
    long hash = LogHash.of(pending[stream], 0, entry.length());
    if (hash != entry.hash()) {
      return new String[] {
        "hash of output of stream %d from offset %d".formatted(stream, entry.offset()),
        "%016x".formatted(entry.hash()),
        "%016x (%s)".formatted(hash, excerpt(pending[stream], entry.length()))
      };
    }
    return null;
  }

  private boolean endsBetweenFrames(int length) {
    byte[] frames = pending[frameStream];
    return Frames.bytesOfFirst(frames, sizes[frameStream], Integer.MAX_VALUE, length) == length;
  }

  private static String excerpt(byte[] bytes, int length) {
    int shown = Math.min(length, MAX_EXCERPT_BYTES);
    return HexFormat.of().formatHex(bytes, 0, shown) + (shown < length ? "…" : "");
  }

  /** Takes the bytes that an entry names. */
  byte[] take(LogEntry.OutputEntry entry) {
    int stream = entry.stream();
    byte[] taken = Arrays.copyOf(pending[stream], entry.length());
    int left = sizes[stream] - entry.length();
    System.arraycopy(pending[stream], entry.length(), pending[stream], 0, left);
    sizes[stream] = left;
    offsets[stream] += entry.length();
    return taken;
  }

  /** Writes offsets and pending bytes. */
  void writeTo(DataOutput out) throws IOException {
    out.writeInt(sizes.length);
    out.writeLong(total);
    for (int i = 0; i < sizes.length; i++) {
      out.writeLong(offsets[i]);
      out.writeInt(sizes[i]);
      out.write(pending[i], 0, sizes[i]);
    }
  }

  /** Reads what {@link #writeTo} wrote. */
  void readFrom(DataInput in) throws IOException {
    int streams = in.readInt();
    if (streams != sizes.length) {
      throw new IOException("%d output streams instead of %d".formatted(streams, sizes.length));
    }
    total = in.readLong();
    for (int i = 0; i < streams; i++) {
      offsets[i] = in.readLong();
      int size = in.readInt();
      if (size < 0 || size > MAX_PENDING_BYTES || offsets[i] < 0) {
        throw new IOException("%d bytes wait on stream %d".formatted(size, i));
      }
      pending[i] = new byte[size];
      in.readFully(pending[i], 0, size);
      sizes[i] = size;
      if (i == frameStream && Frames.count(pending[i]) < 0) {
        throw new IOException(
            "the %d bytes that wait on stream %d are not frames".formatted(size, i));
      }
    }
  }
}
