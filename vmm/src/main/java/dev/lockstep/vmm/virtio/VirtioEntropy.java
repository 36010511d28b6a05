package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import java.util.function.IntConsumer;

/**
 * virtio entropy device (virtio 1.2, section 5.4). It has no randomness of its own: it asks the
 * machine for bytes, at once for all buffers that are available, and gets them by the input event
 * {@link #provide}. What is made available meanwhile waits in the ring.
 */
public final class VirtioEntropy extends VirtioDevice {
  /** Bytes that one buffer gets, at most. */
  public static final int MAX_BUFFER_BYTES = 256;

  private static final int DEVICE_ID = 4;
  private static final int CLASS_OTHER = 0x00_ff_00;
  private static final int QUEUE_SIZE = 8;

  /** Bytes that are asked for at once, at most. */
  public static final int MAX_REQUEST_BYTES = QUEUE_SIZE * MAX_BUFFER_BYTES;

  private final GuestMemory memory;
  private final IntConsumer source;

  private static final long[] NONE = {};

  /** The buffers that wait, by their heads, and how many bytes each gets. */
  private final int[] heads = new int[QUEUE_SIZE];

  private final int[] shares = new int[QUEUE_SIZE];
  private int buffers;

  /** Where the bytes go, of one buffer after the other. */
  private final Segments waiting = new Segments();

  /**
   * A device without requests.
   *
   * @param memory where buffers are
   * @param source asked for a number of bytes, 1 to {@link #MAX_REQUEST_BYTES}
   */
  public VirtioEntropy(GuestMemory memory, IntConsumer source) {
    this.memory = memory;
    this.source = source;
  }

  @Override
  String kind() {
    return "entropy";
  }

  @Override
  int deviceId() {
    return DEVICE_ID;
  }

  @Override
  int pciClass() {
    return CLASS_OTHER;
  }

  @Override
  long features() {
    return 0;
  }

  @Override
  int[] queueSizes() {
    return new int[] {QUEUE_SIZE};
  }

  @Override
  int readConfig(int offset) {
    return 0;
  }

  @Override
  void activate(long features) {
    // Nothing depends on a feature.
  }

  @Override
  void reset() {
    forget();
  }

  private void forget() {
    buffers = 0;
    waiting.clear();
  }

  @Override
  void notified(int queue) {
    takeRequests();
  }

  private void takeRequests() {
    Virtqueue queue = queue(0);
    if (buffers == 0) {
      for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
        if (!chain.readable().isEmpty()) {
          queue.violated("an entropy buffer is to be read");
          break;
        }
        if (chain.writable().isEmpty()) {
          queue.push(chain.head(), 0);
        } else {
          add(chain);
        }
      }
      if (buffers > 0) {
        source.accept(wantedBytes());
      }
    }
    queue.endBatch();
  }

  private void add(DescriptorChain chain) {
    heads[buffers] = chain.head();
    shares[buffers] = (int) Math.min(chain.writableBytes(), MAX_BUFFER_BYTES);
    waiting.addFirst(chain.writable(), shares[buffers]);
    buffers++;
  }

  /** How many bytes the guest waits for; 0 for none. What to ask the source for after a restore. */
  public int wantedBytes() {
    return (int) waiting.bytes();
  }

  /**
   * Input event: random bytes.
   *
   * @param bytes as many as were asked for
   * @return false if the guest no longer waits for them, having reset the device; then nothing
   *     happened
   */
  public boolean provide(byte[] bytes) {
    if (buffers == 0 || bytes.length != wantedBytes()) {
      return false;
    }
    DescriptorChain.scatter(memory, waiting, bytes);
    for (int i = 0; i < buffers; i++) {
      queue(0).push(heads[i], shares[i]);
    }
    forget();
    takeRequests();
    return true;
  }

  /** What a single buffer needs, and the rest only if there are more: what most drivers never do changes nothing for replicas of other versions. */
  @Override
  void save(StateWriter out) {
    out.number("wanted", wantedBytes())
        .number("head", buffers == 0 ? 0 : heads[0])
        .numbers("segments", waiting.toNumbers());
    if (buffers > 1) {
      long[] more = new long[2 * (buffers - 1)];
      for (int i = 1; i < buffers; i++) {
        more[2 * i - 2] = heads[i];
        more[2 * i - 1] = shares[i];
      }
      out.numbers("more", more);
    }
  }

  @Override
  void restore(StateReader in) {
    forget();
    int wanted = in.integer("wanted", 0, MAX_REQUEST_BYTES);
    heads[0] = in.integer("head", 0, 0xffff);
    Segments segments = Segments.restore(in, "segments", memory);
    long[] more = in.hasMore() ? in.numbers("more") : NONE;
    if (more.length % 2 != 0 || more.length > 2 * (QUEUE_SIZE - 1)) {
      throw in.unfit("more", "are not pairs of up to %d buffers".formatted(QUEUE_SIZE));
    }
    long first = wanted;
    for (int i = 0; i < more.length; i += 2) {
      long share = more[i + 1];
      if (more[i] < 0 || more[i] > 0xffff || share < 1 || share > MAX_BUFFER_BYTES) {
        throw in.unfit("more", "give %d bytes to buffer %d".formatted(share, more[i]));
      }
      heads[1 + i / 2] = (int) more[i];
      shares[1 + i / 2] = (int) share;
      first -= share;
    }
    boolean none = wanted == 0 && more.length == 0;
    if (!none && (first < 1 || first > MAX_BUFFER_BYTES)) {
      throw in.unfit("wanted", "gives %d bytes to the first buffer".formatted(first));
    }
    if (segments.bytes() < wanted) {
      throw in.unfit("segments", "has no room for %d bytes".formatted(wanted));
    }
    shares[0] = (int) first;
    waiting.addFirst(segments, wanted);
    buffers = none ? 0 : 1 + more.length / 2;
  }
}
