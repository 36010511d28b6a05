package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;

/**
 * The buffer that a driver made available: what the device reads, then what it writes. A view that
 * belongs to its queue and is overwritten by the next {@link Virtqueue#pop}: a device that keeps a
 * buffer keeps its head and a copy of what it needs of it.
 */
final class DescriptorChain {
  private int head;
  private final Segments readable = new Segments();
  private final Segments writable = new Segments();

  /** For the queue: an empty chain, to be filled. */
  void begin(int first) {
    head = first;
    readable.clear();
    writable.clear();
  }

  /** Index of its first descriptor, by which it is returned. */
  int head() {
    return head;
  }

  /** Stretches for the device to read. */
  Segments readable() {
    return readable;
  }

  /** Stretches for the device to write. */
  Segments writable() {
    return writable;
  }

  /** Bytes for the device to read. */
  long readableBytes() {
    return readable.bytes();
  }

  /** Bytes for the device to write. */
  long writableBytes() {
    return writable.bytes();
  }

  /**
   * Copies from the readable part.
   *
   * @param skip bytes from its start
   * @param length bytes; must be there
   */
  byte[] gather(GuestMemory memory, long skip, int length) {
    byte[] data = new byte[length];
    gather(memory, skip, data, length);
    return data;
  }

  /** As {@link #gather(GuestMemory, long, int)}, to the start of an array that is there. */
  void gather(GuestMemory memory, long skip, byte[] into, int length) {
    long before = skip;
    int done = 0;
    for (int i = 0; i < readable.size(); i++) {
      if (before >= readable.length(i)) {
        before -= readable.length(i);
        continue;
      }
      int part = (int) Math.min(readable.length(i) - before, length - done);
      memory.read(readable.address(i) + before, into, done, part);
      done += part;
      before = 0;
    }
    if (done != length) {
      throw new IllegalStateException("%d bytes of %d are readable".formatted(done, length));
    }
  }

  /** Copies into stretches from their start; what does not fit is an error. */
  static void scatter(GuestMemory memory, Segments segments, byte[] data) {
    scatter(memory, segments, data, 0, data.length);
  }

  /** Copies a part of {@code data} into stretches from their start; what does not fit is an error. */
  static void scatter(GuestMemory memory, Segments segments, byte[] data, int from, int length) {
    int done = 0;
    for (int i = 0; i < segments.size(); i++) {
      int part = Math.min(segments.length(i), length - done);
      memory.write(segments.address(i), data, from + done, part);
      done += part;
    }
    if (done != length) {
      throw new IllegalStateException("%d bytes of %d fit".formatted(done, length));
    }
  }
}
