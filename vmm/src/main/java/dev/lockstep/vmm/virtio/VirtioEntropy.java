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
    int share = 0;
    Segments segments = chain.writable();
    for (int i = 0; i < segments.size() && share < MAX_BUFFER_BYTES; i++) {
      int part = Math.min(segments.length(i), MAX_BUFFER_BYTES - share);
      waiting.add(segments.address(i), part);
      share += part;
    }
    heads[buffers] = chain.head();
    shares[buffers] = share;
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

  @Override
  void save(StateWriter out) {
    long[] requests = new long[2 * buffers];
    for (int i = 0; i < buffers; i++) {
      requests[2 * i] = heads[i];
      requests[2 * i + 1] = shares[i];
    }
    out.numbers("requests", requests).numbers("segments", waiting.toNumbers());
  }

  @Override
  void restore(StateReader in) {
    long[] requests = in.numbers("requests");
    Segments segments = Segments.restore(in, "segments", memory);
    if (requests.length % 2 != 0 || requests.length > 2 * QUEUE_SIZE) {
      throw in.unfit("requests", "are not pairs of up to %d buffers".formatted(QUEUE_SIZE));
    }
    long wanted = 0;
    for (int i = 0; i < requests.length; i += 2) {
      long share = requests[i + 1];
      if (requests[i] < 0 || requests[i] > 0xffff || share < 1 || share > MAX_BUFFER_BYTES) {
        throw in.unfit("requests", "give %d bytes to buffer %d".formatted(share, requests[i]));
      }
      heads[i / 2] = (int) requests[i];
      shares[i / 2] = (int) share;
      wanted += share;
    }
    if (segments.bytes() != wanted) {
      throw in.unfit(
          "segments", "have room for %d bytes of %d".formatted(segments.bytes(), wanted));
    }
    buffers = requests.length / 2;
    waiting.set(segments);
  }
}
