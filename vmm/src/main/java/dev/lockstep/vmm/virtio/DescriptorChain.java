package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import java.util.List;

/**
 * The buffer that a driver made available: what the device reads, then what it writes.
 *
 * @param head index of its first descriptor, by which it is returned
 * @param readable stretches for the device to read
 * @param writable stretches for the device to write
 */
record DescriptorChain(int head, List<Segment> readable, List<Segment> writable) {

  /** Bytes for the device to read. */
  long readableBytes() {
    return bytes(readable);
  }

  /** Bytes for the device to write. */
  long writableBytes() {
    return bytes(writable);
  }

  static long bytes(List<Segment> segments) {
    long total = 0;
    for (Segment segment : segments) {
      total += segment.length();
    }
    return total;
  }

  /**
   * Copies from the readable part.
   *
   * @param skip bytes from its start
   * @param length bytes; must be there
   */
  byte[] gather(GuestMemory memory, long skip, int length) {
    byte[] data = new byte[length];
    long before = skip;
    int done = 0;
    for (Segment segment : readable) {
      if (before >= segment.length()) {
        before -= segment.length();
        continue;
      }
      int part = (int) Math.min(segment.length() - before, length - done);
      memory.read(segment.address() + before, data, done, part);
      done += part;
      before = 0;
    }
    if (done != length) {
      throw new IllegalStateException("%d bytes of %d are readable".formatted(done, length));
    }
    return data;
  }

  /** Copies into stretches from their start; what does not fit is an error. */
  static void scatter(GuestMemory memory, List<Segment> segments, byte[] data) {
    scatter(memory, segments, data, 0, data.length);
  }

  /** Copies a part of {@code data} into stretches from their start; what does not fit is an error. */
  static void scatter(
      GuestMemory memory, List<Segment> segments, byte[] data, int from, int length) {
    int done = 0;
    for (Segment segment : segments) {
      int part = Math.min(segment.length(), length - done);
      memory.write(segment.address(), data, from + done, part);
      done += part;
    }
    if (done != length) {
      throw new IllegalStateException("%d bytes of %d fit".formatted(done, length));
    }
  }
}
