package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import org.jspecify.annotations.Nullable;

/**
 * The device's side of one split virtqueue (virtio 1.2, section 2.7). Everything in guest memory is
 * checked before it is believed: a ring that breaks the rules stops the device, which then asks for
 * a reset, and costs the host neither memory nor time beyond the queue's size.
 *
 * <p>Buffers move in batches: from the first {@link #pop} to {@link #endBatch} the guest stands still,
 * so how much is available is read once; what was pushed is told to the driver at the end, by one
 * write of the used index and one decision about its interrupt. Nothing here allocates but a
 * violation's message.
 */
final class Virtqueue {
  /** Told of what a queue brings about. */
  interface Listener {
    /** The driver wants to be interrupted for used buffers. */
    void usedBufferNotification();

    /** The driver broke the rules; the queue is dead until a reset. */
    void broken(String why);
  }

  private static final int DESCRIPTOR_BYTES = 16;
  private static final int F_NEXT = 1;
  private static final int F_WRITE = 2;
  private static final int F_INDIRECT = 4;
  private static final int AVAIL_NO_INTERRUPT = 1;
  private static final long MAX_CHAIN_BYTES = 1L << 32;
  private static final int NOT_READ = -1;

  private final GuestMemory memory;
  private final int maxSize;
  private final Listener listener;
  private final DescriptorChain chain = new DescriptorChain();

  private int size;
  private boolean enabled;
  private boolean started;
  private boolean dead;
  private boolean indirect;
  private boolean eventIndex;
  private long descriptors;
  private long available;
  private long used;
  private int nextAvailable;
  private int nextUsed;
  private int signalledUsed;
  private int outstanding;

  /** Buffers that this batch may still take; never part of the state, which is saved between batches. */
  private int ready = NOT_READ;

  Virtqueue(GuestMemory memory, int maxSize, Listener listener) {
    this.memory = memory;
    this.maxSize = maxSize;
    this.listener = listener;
    this.size = maxSize;
  }

  void reset() {
    size = maxSize;
    enabled = false;
    started = false;
    dead = false;
    indirect = false;
    eventIndex = false;
    descriptors = 0;
    available = 0;
    used = 0;
    nextAvailable = 0;
    nextUsed = 0;
    signalledUsed = 0;
    outstanding = 0;
    ready = NOT_READ;
  }

  int maxSize() {
    return maxSize;
  }

  int size() {
    return size;
  }

  boolean enabled() {
    return enabled;
  }

  /** Whether buffers can be taken and returned. */
  boolean live() {
    return enabled && started && !dead;
  }

  /** The driver is ready: from now on buffers move (section 3.1.1, step 8). */
  void start() {
    started = true;
  }

  // The driver's settings are kept as written, and checked when it enables the queue.

  void setSize(int value) {
    if (!enabled) {
      size = value;
    }
  }

  long descriptors() {
    return descriptors;
  }

  void setDescriptors(long address) {
    if (!enabled) {
      descriptors = address;
    }
  }

  long available() {
    return available;
  }

  void setAvailable(long address) {
    if (!enabled) {
      available = address;
    }
  }

  long used() {
    return used;
  }

  void setUsed(long address) {
    if (!enabled) {
      used = address;
    }
  }

  /** Enables the queue with the features that were negotiated. */
  void enable(boolean withIndirect, boolean withEventIndex) {
    if (enabled) {
      return;
    }
    enabled = true;
    indirect = withIndirect;
    eventIndex = withEventIndex;
    String wrong = wrong();
    if (wrong != null) {
      fail(wrong);
    }
  }

  /** What is wrong with the driver's settings; null if nothing is. */
  private @Nullable String wrong() {
    if (size < 1 || size > maxSize || Integer.bitCount(size) != 1) {
      return "queue size %d is no power of two up to %d".formatted(size, maxSize);
    }
    String wrong = wrongPart("descriptor table", descriptors, (long) size * DESCRIPTOR_BYTES, 16);
    if (wrong == null) {
      wrong = wrongPart("available ring", available, 6 + 2L * size, 2);
    }
    return wrong == null ? wrongPart("used ring", used, 6 + 8L * size, 4) : wrong;
  }

  private @Nullable String wrongPart(String part, long address, long bytes, int alignment) {
    if ((address & alignment - 1) != 0) {
      return "%s at %#x is not aligned to %d".formatted(part, address, alignment);
    }
    return memory.contains(address, bytes)
        ? null
        : "%s at %#x+%#x is not memory".formatted(part, address, bytes);
  }

  private void fail(String why) {
    if (!dead) {
      // What was returned before that is the driver's.
      publishUsed();
      dead = true;
      listener.broken(why);
    }
  }

  /** Declares the queue broken, for a rule of the device that its buffer breaks. */
  void violated(String why) {
    fail(why);
  }

  /**
   * Takes the next available buffer of this batch. Each must be returned by {@link #push}, so that
   * there are never more outside than the queue holds.
   *
   * @return valid until the next pop; null if there is none, or the queue is not live
   */
  @Nullable DescriptorChain pop() {
    if (!live()) {
      return null;
    }
    if (ready == NOT_READ) {
      int waiting = memory.read16(available + 2) - nextAvailable & 0xffff;
      if (waiting > size) {
        fail("%d buffers are available in a queue of %d".formatted(waiting, size));
        return null;
      }
      ready = waiting;
    }
    if (ready == 0) {
      return null;
    }
    if (outstanding == size) {
      fail("more buffers are available than a queue of %d can hold".formatted(size));
      return null;
    }
    int slot = nextAvailable & size - 1;
    if (!walk(memory.read16(available + 4 + 2L * slot))) {
      return null;
    }
    ready--;
    nextAvailable = nextAvailable + 1 & 0xffff;
    outstanding++;
    return chain;
  }

  /** Leaves the last buffers that {@link #pop} gave in this batch, and that were not returned, to be given again. */
  void putBack(int buffers) {
    if (live()) {
      ready += buffers;
      nextAvailable = nextAvailable - buffers & 0xffff;
      outstanding -= buffers;
    }
  }

  /** How many buffers {@link #pop} would give now, if they keep the rules. */
  int availableBuffers() {
    if (!live()) {
      return 0;
    }
    int waiting = memory.read16(available + 2) - nextAvailable & 0xffff;
    return Math.min(waiting, size);
  }

  /** Reads a buffer's descriptors into the chain; false if they break the rules. */
  private boolean walk(int head) {
    Segments readable = chain.readable();
    Segments writable = chain.writable();
    chain.begin(head);
    long table = descriptors;
    int entries = size;
    boolean inTable = false;
    int index = head;
    long total = 0;
    // Each turn takes one descriptor; a chain longer than the queue must run in a circle.
    for (int taken = 0; taken <= 2 * size; taken++) {
      if (index >= entries) {
        return broken("descriptor %d is outside a table of %d".formatted(index, entries));
      }
      long at = table + (long) index * DESCRIPTOR_BYTES;
      long address = memory.read64(at);
      long length = memory.read32(at + 8) & 0xffff_ffffL;
      int flags = memory.read16(at + 12);
      if ((flags & F_INDIRECT) != 0) {
        if (!indirect || inTable || (flags & F_NEXT) != 0) {
          return broken("descriptor %d is indirect where none may be".formatted(index));
        }
        entries = indirectEntries(address, length);
        if (entries < 0) {
          return false;
        }
        inTable = true;
        table = address;
        index = 0;
        continue;
      }
      total += length;
      boolean write = (flags & F_WRITE) != 0;
      if (!add(write ? writable : readable, address, length)
          || !inOrder(write, writable)
          || !bounded(readable.size() + writable.size(), total)) {
        return false;
      }
      if ((flags & F_NEXT) == 0) {
        return true;
      }
      index = memory.read16(at + 14);
    }
    return broken("chain of descriptor %d is longer than its queue".formatted(head));
  }

  private int indirectEntries(long address, long length) {
    if (length == 0 || length % DESCRIPTOR_BYTES != 0 || length > (long) size * DESCRIPTOR_BYTES) {
      broken("indirect table has %d bytes".formatted(length));
      return -1;
    }
    if (!memory.contains(address, length)) {
      broken("indirect table at %#x+%#x is not memory".formatted(address, length));
      return -1;
    }
    return (int) (length / DESCRIPTOR_BYTES);
  }

  private boolean add(Segments segments, long address, long length) {
    if (length == 0) {
      return true;
    }
    if (length > Integer.MAX_VALUE || !memory.contains(address, length)) {
      broken("buffer at %#x+%#x is not memory".formatted(address, length));
      return false;
    }
    segments.add(address, (int) length);
    return true;
  }

  private boolean inOrder(boolean write, Segments writable) {
    if (!write && !writable.isEmpty()) {
      broken("a readable descriptor follows a writable one");
      return false;
    }
    return true;
  }

  private boolean bounded(int segments, long total) {
    if (segments > size || total > MAX_CHAIN_BYTES) {
      broken("chain has %d descriptors and %d bytes".formatted(segments, total));
      return false;
    }
    return true;
  }

  private boolean broken(String why) {
    fail(why);
    return false;
  }

  /**
   * Returns a buffer to the driver, who sees it when the batch ends. Its memory must have been
   * written before.
   *
   * @param head which
   * @param written bytes, from the start of its writable part
   */
  void push(int head, int written) {
    if (!live()) {
      return;
    }
    outstanding--;
    long slot = used + 4 + 8L * (nextUsed & size - 1);
    memory.write32(slot, head);
    memory.write32(slot + 4, written);
    nextUsed = nextUsed + 1 & 0xffff;
  }

  private void publishUsed() {
    if (nextUsed != signalledUsed) {
      memory.write16(used + 2, nextUsed);
    }
  }

  /**
   * Ends a batch of pops and pushes: shows the driver what was pushed, tells it from where on it must
   * notify, and interrupts it if it wants to hear of what was pushed.
   */
  void endBatch() {
    ready = NOT_READ;
    if (!live()) {
      return;
    }
    publishUsed();
    if (eventIndex) {
      memory.write16(used + 4 + 8L * size, nextAvailable);
    }
    if (nextUsed != signalledUsed && wantsInterrupt()) {
      listener.usedBufferNotification();
    }
    signalledUsed = nextUsed;
  }

  private boolean wantsInterrupt() {
    if (eventIndex) {
      int event = memory.read16(available + 4 + 2L * size);
      // Whether the event index lies among those just used (virtio 1.2, section 2.7.7.2).
      return (nextUsed - event - 1 & 0xffff) < (nextUsed - signalledUsed & 0xffff);
    }
    return (memory.read16(available) & AVAIL_NO_INTERRUPT) == 0;
  }

  void save(StateWriter out, String name) {
    out.number(name + "size", size)
        .flag(name + "enabled", enabled)
        .flag(name + "started", started)
        .flag(name + "dead", dead)
        .flag(name + "indirect", indirect)
        .flag(name + "eventIndex", eventIndex)
        .number(name + "descriptors", descriptors)
        .number(name + "available", available)
        .number(name + "used", used)
        .number(name + "nextAvailable", nextAvailable)
        .number(name + "nextUsed", nextUsed)
        .number(name + "signalledUsed", signalledUsed)
        .number(name + "outstanding", outstanding);
  }

  void restore(StateReader in, String name) {
    size = in.integer(name + "size", 0, 0xffff);
    enabled = in.flag(name + "enabled");
    started = in.flag(name + "started");
    dead = in.flag(name + "dead");
    indirect = in.flag(name + "indirect");
    eventIndex = in.flag(name + "eventIndex");
    descriptors = in.number(name + "descriptors");
    available = in.number(name + "available");
    used = in.number(name + "used");
    nextAvailable = in.integer(name + "nextAvailable", 0, 0xffff);
    nextUsed = in.integer(name + "nextUsed", 0, 0xffff);
    signalledUsed = in.integer(name + "signalledUsed", 0, 0xffff);
    outstanding = in.integer(name + "outstanding", 0, 0xffff);
    ready = NOT_READ;
    if (enabled && !dead) {
      String wrong = wrong();
      if (wrong != null) {
        throw in.unfit(name + "enabled", "is set, but " + wrong);
      }
    }
  }
}
