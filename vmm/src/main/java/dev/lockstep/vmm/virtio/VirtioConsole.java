package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.ByteSink;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import java.util.Arrays;

/**
 * virtio console with one port (virtio 1.2, section 5.3). Input waits in a bounded queue until the
 * guest gives buffers for it.
 */
public final class VirtioConsole extends VirtioDevice {
  /** Bytes of input that wait for the guest, at most. */
  public static final int RECEIVE_QUEUE_BYTES = 4096;

  private static final int DEVICE_ID = 3;
  private static final int CLASS_COMMUNICATION = 0x07_80_00;
  private static final int QUEUE_SIZE = 64;
  private static final int RECEIVE = 0;
  private static final int TRANSMIT = 1;
  private static final int TRANSMIT_BUFFER_BYTES_MAX = 1 << 20;
  private static final int TRANSMIT_CHUNK_BYTES = 4096;

  private final GuestMemory memory;
  private final ByteSink output;
  private final byte[] chunk = new byte[TRANSMIT_CHUNK_BYTES];
  private byte[] pending = {};

  /**
   * A console.
   *
   * @param memory where buffers are
   * @param output takes what the guest writes
   */
  public VirtioConsole(GuestMemory memory, ByteSink output) {
    this.memory = memory;
    this.output = output;
  }

  @Override
  String kind() {
    return "console";
  }

  @Override
  int deviceId() {
    return DEVICE_ID;
  }

  @Override
  int pciClass() {
    return CLASS_COMMUNICATION;
  }

  @Override
  long features() {
    return 0;
  }

  @Override
  int[] queueSizes() {
    return new int[] {QUEUE_SIZE, QUEUE_SIZE};
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
    pending = new byte[0];
  }

  @Override
  void notified(int queue) {
    if (queue == TRANSMIT) {
      transmit();
    } else {
      deliver();
    }
  }

  private void transmit() {
    Virtqueue queue = queue(TRANSMIT);
    for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
      long length = chain.readableBytes();
      if (length > TRANSMIT_BUFFER_BYTES_MAX) {
        queue.violated("a console buffer has %d bytes".formatted(length));
        return;
      }
      for (long at = 0; at < length; at += TRANSMIT_CHUNK_BYTES) {
        int part = (int) Math.min(TRANSMIT_CHUNK_BYTES, length - at);
        chain.gather(memory, at, chunk, part);
        for (int i = 0; i < part; i++) {
          output.put(chunk[i] & 0xff);
        }
      }
      queue.push(chain.head(), 0);
    }
    queue.endBatch();
  }

  /** How many bytes {@link #receive} would take now. */
  public int receiveRoom() {
    return RECEIVE_QUEUE_BYTES - pending.length;
  }

  /**
   * Input event: bytes for the guest.
   *
   * @return how many were taken; the rest must be offered again when there is {@link #receiveRoom}
   */
  public int receive(byte[] bytes) {
    int taken = Math.min(bytes.length, receiveRoom());
    byte[] joined = Arrays.copyOf(pending, pending.length + taken);
    System.arraycopy(bytes, 0, joined, pending.length, taken);
    pending = joined;
    deliver();
    return taken;
  }

  private void deliver() {
    Virtqueue queue = queue(RECEIVE);
    while (pending.length > 0) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        break;
      }
      int part = (int) Math.min(pending.length, chain.writableBytes());
      DescriptorChain.scatter(memory, chain.writable(), Arrays.copyOf(pending, part));
      pending = Arrays.copyOfRange(pending, part, pending.length);
      queue.push(chain.head(), part);
    }
    queue.endBatch();
  }

  @Override
  void save(StateWriter out) {
    out.bytes("pending", pending);
  }

  @Override
  void restore(StateReader in) {
    byte[] saved = in.bytes("pending");
    if (saved.length > RECEIVE_QUEUE_BYTES) {
      throw in.unfit("pending", "has %d bytes".formatted(saved.length));
    }
    pending = saved;
  }
}
