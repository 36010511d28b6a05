package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * virtio entropy device (virtio 1.2, section 5.4). It has no randomness of its own: it asks the
 * machine for bytes, one request at a time, and gets them by the input event {@link #provide}.
 */
public final class VirtioEntropy extends VirtioDevice {
  /** Bytes that are asked for at once, at most. */
  public static final int MAX_REQUEST_BYTES = 256;

  private static final int DEVICE_ID = 4;
  private static final int CLASS_OTHER = 0x00_ff_00;
  private static final int QUEUE_SIZE = 8;
  private static final int NOTHING = 0;

  private final GuestMemory memory;
  private final IntConsumer source;
  private @Nullable DescriptorChain waiting;
  private int wanted = NOTHING;

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
    waiting = null;
    wanted = NOTHING;
  }

  @Override
  void notified(int queue) {
    takeRequest();
  }

  private void takeRequest() {
    Virtqueue queue = queue(0);
    while (wanted == NOTHING) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        break;
      }
      if (!chain.readable().isEmpty()) {
        queue.violated("an entropy buffer is to be read");
        break;
      }
      if (chain.writableBytes() == 0) {
        queue.push(chain.head(), 0);
        continue;
      }
      waiting = chain;
      wanted = (int) Math.min(chain.writableBytes(), MAX_REQUEST_BYTES);
      source.accept(wanted);
    }
    queue.endBatch();
  }

  /** How many bytes the guest waits for; 0 for none. What to ask the source for after a restore. */
  public int wantedBytes() {
    return wanted;
  }

  /**
   * Input event: random bytes.
   *
   * @param bytes as many as were asked for
   * @return false if the guest no longer waits for them, having reset the device; then nothing
   *     happened
   */
  public boolean provide(byte[] bytes) {
    DescriptorChain chain = waiting;
    if (chain == null || bytes.length != wanted) {
      return false;
    }
    waiting = null;
    wanted = NOTHING;
    DescriptorChain.scatter(memory, chain.writable(), bytes);
    queue(0).push(chain.head(), bytes.length);
    takeRequest();
    return true;
  }

  @Override
  void save(StateWriter out) {
    DescriptorChain chain = waiting;
    out.number("wanted", wanted)
        .number("head", chain == null ? 0 : chain.head())
        .numbers("segments", Segment.toNumbers(chain == null ? List.of() : chain.writable()));
  }

  @Override
  void restore(StateReader in) {
    wanted = in.integer("wanted", 0, MAX_REQUEST_BYTES);
    int head = in.integer("head", 0, 0xffff);
    List<Segment> segments = Segment.restore(in, "segments", memory);
    if (DescriptorChain.bytes(segments) < wanted) {
      throw in.unfit("segments", "has no room for %d bytes".formatted(wanted));
    }
    waiting = wanted == NOTHING ? null : new DescriptorChain(head, List.of(), segments);
  }
}
