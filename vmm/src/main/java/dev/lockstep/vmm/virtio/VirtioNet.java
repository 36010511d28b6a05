package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.OffloadHeader;
import dev.lockstep.vmm.net.Offloads;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * virtio network device (virtio 1.2, section 5.1) with one pair of queues and a control queue. It keeps no frame: those that the guest sends go out at once, and one that is received needs buffers of the guest's
 * at that moment.
 *
 * <p>Without offloads every frame is one that a cable carries, with its checksums. With them, both sides may leave checksums and the segmentation of TCP to the other, as the driver accepts it, and each frame goes with
 * its {@link OffloadHeader}.
 */
public final class VirtioNet extends VirtioDevice {
  /** The feature by which a driver can be told to announce its interface (section 5.1.3). */
  static final long F_GUEST_ANNOUNCE = 1L << 21;

  /** The feature of a control queue. */
  static final long F_CTRL_VQ = 1L << 17;

  private static final long F_CHECKSUM = 1L;
  private static final long F_GUEST_CHECKSUM = 1L << 1;
  private static final long F_GUEST_TSO4 = 1L << 7;
  private static final long F_GUEST_TSO6 = 1L << 8;
  private static final long F_GUEST_ECN = 1L << 9;
  private static final long F_HOST_TSO4 = 1L << 11;
  private static final long F_HOST_TSO6 = 1L << 12;
  private static final long F_HOST_ECN = 1L << 13;

  /** The feature that a frame may go over several buffers (section 5.1.6.4). */
  static final long F_MERGED_BUFFERS = 1L << 15;

  private static final long F_OFFLOADS =
      F_CHECKSUM
          | F_GUEST_CHECKSUM
          | F_GUEST_TSO4
          | F_GUEST_TSO6
          | F_GUEST_ECN
          | F_HOST_TSO4
          | F_HOST_TSO6
          | F_HOST_ECN
          | F_MERGED_BUFFERS;

  private static final long F_MAC = 1L << 5;
  private static final long F_STATUS = 1L << 16;

  private static final int DEVICE_ID = 1;
  private static final int CLASS_ETHERNET = 0x02_00_00;
  private static final int QUEUE_SIZE = 256;
  private static final int CONTROL_QUEUE_SIZE = 16;

  private static final int RECEIVE = 0;
  private static final int TRANSMIT = 1;
  private static final int CONTROL = 2;

  /** {@code struct virtio_net_hdr} with its number of buffers, which VERSION_1 always has (section 5.1.6.1). */
  static final int HEADER_BYTES = OffloadHeader.BYTES;

  /** What a driver's buffers have at least if a frame may go over several (section 5.1.6.3.1). */
  private static final int MERGED_BUFFER_BYTES = HEADER_BYTES + Frames.MAX_FRAME_BYTES;

  private static final int CONFIG_STATUS = 6;
  private static final int STATUS_LINK_UP = 1;
  private static final int STATUS_ANNOUNCE = 2;

  private static final int CONTROL_HEADER_BYTES = 2;
  private static final int CLASS_ANNOUNCE = 3;
  private static final int COMMAND_ANNOUNCE_ACK = 0;
  private static final byte CONTROL_OK = 0;
  private static final byte CONTROL_ERROR = 1;

  private final GuestMemory memory;
  private final MacAddress address;
  private final boolean offloading;
  private final Consumer<byte[]> output;
  private boolean announces;
  private long accepted;

  /** What the guest does for the host. Other threads look at it. */
  private volatile Offloads receiveOffloads = Offloads.NONE;

  private Offloads sendOffloads = Offloads.NONE;
  private int status = STATUS_LINK_UP;

  /**
   * An interface whose cable is plugged in.
   *
   * @param memory where buffers are
   * @param address the guest's
   * @param offloading whether it has offloads, and frames their headers
   * @param output takes the frames that the guest sends, each of a length that {@link Frames#fits}
   */
  public VirtioNet(
      GuestMemory memory, MacAddress address, boolean offloading, Consumer<byte[]> output) {
    this.memory = memory;
    this.address = address;
    this.offloading = offloading;
    this.output = output;
  }

  @Override
  String kind() {
    return "network";
  }

  @Override
  int deviceId() {
    return DEVICE_ID;
  }

  @Override
  int pciClass() {
    return CLASS_ETHERNET;
  }

  @Override
  long features() {
    return F_MAC | F_STATUS | F_CTRL_VQ | F_GUEST_ANNOUNCE | (offloading ? F_OFFLOADS : 0);
  }

  @Override
  int[] queueSizes() {
    return new int[] {QUEUE_SIZE, QUEUE_SIZE, CONTROL_QUEUE_SIZE};
  }

  @Override
  int readConfig(int offset) {
    if (offset < MacAddress.OCTETS) {
      return address.octet(offset);
    }
    return offset == CONFIG_STATUS ? status : 0;
  }

  @Override
  void activate(long features) {
    announces = (features & (F_GUEST_ANNOUNCE | F_CTRL_VQ)) == (F_GUEST_ANNOUNCE | F_CTRL_VQ);
    accept(features & F_OFFLOADS);
  }

  @Override
  void reset() {
    announces = false;
    status = STATUS_LINK_UP;
    accept(0);
  }

  private void accept(long features) {
    accepted = features;
    sendOffloads = offloads(F_CHECKSUM, F_HOST_TSO4, F_HOST_TSO6, F_HOST_ECN);
    receiveOffloads = offloads(F_GUEST_CHECKSUM, F_GUEST_TSO4, F_GUEST_TSO6, F_GUEST_ECN);
  }

  /** Segmentation takes the checksum, and congestion bits take segmentation (section 5.1.3.1). */
  private Offloads offloads(long checksum, long tcp4, long tcp6, long ecn) {
    boolean sums = has(checksum);
    boolean four = sums && has(tcp4);
    boolean six = sums && has(tcp6);
    return new Offloads(sums, four, six, (four || six) && has(ecn));
  }

  private boolean has(long feature) {
    return (accepted & feature) != 0;
  }

  /** What the guest does with the frames that it receives, in place of the host. Any thread. */
  public Offloads receiveOffloads() {
    return receiveOffloads;
  }

  @Override
  void notified(int queue) {
    switch (queue) {
      case TRANSMIT -> transmit();
      case CONTROL -> control();
      default -> {
        // New buffers to receive into: whoever has frames asks how many there are.
      }
    }
  }

  private void transmit() {
    Virtqueue queue = queue(TRANSMIT);
    for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
      if (!chain.writable().isEmpty()) {
        queue.violated("a frame to send is to be written");
        return;
      }
      // One that is no frame is lost on the cable, as a real interface does with it.
      if (offloading) {
        sendWithHeader(chain);
      } else {
        sendWhole(chain);
      }
      queue.push(chain.head(), 0);
    }
    queue.endBatch();
  }

  private void sendWhole(DescriptorChain chain) {
    long length = chain.readableBytes() - HEADER_BYTES;
    if (length >= Frames.MIN_FRAME_BYTES && length <= Frames.MAX_FRAME_BYTES) {
      output.accept(chain.gather(memory, HEADER_BYTES, (int) length));
    }
  }

  private void sendWithHeader(DescriptorChain chain) {
    long length = chain.readableBytes();
    if (length < HEADER_BYTES + Frames.MIN_FRAME_BYTES || length > Frames.MAX_PACKED_FRAME_BYTES) {
      return;
    }
    byte[] frame = chain.gather(memory, 0, (int) length);
    OffloadHeader.clearForHost(frame, 0);
    if (OffloadHeader.fits(frame, 0, frame.length, sendOffloads)) {
      output.accept(frame);
    }
  }

  private void control() {
    Virtqueue queue = queue(CONTROL);
    for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
      if (chain.readableBytes() < CONTROL_HEADER_BYTES || chain.writableBytes() < 1) {
        queue.violated("a command without its two bytes, or without room for the answer");
        return;
      }
      byte[] command = chain.gather(memory, 0, CONTROL_HEADER_BYTES);
      byte answer = CONTROL_ERROR;
      if (command[0] == CLASS_ANNOUNCE && command[1] == COMMAND_ANNOUNCE_ACK) {
        status &= ~STATUS_ANNOUNCE;
        answer = CONTROL_OK;
      }
      DescriptorChain.scatter(memory, chain.writable(), new byte[] {answer});
      queue.push(chain.head(), 1);
    }
    queue.endBatch();
  }

  /** Whether a driver takes frames at all. While none does they are lost, as on an interface that is down. */
  public boolean receives() {
    return queue(RECEIVE).live();
  }

  /** How many frames that a cable carries the guest has buffers for now. */
  public int receiveRoom() {
    return queue(RECEIVE).availableBuffers();
  }

  /**
   * How many bytes the first frames have that the guest has buffers for now, or will never have: those are to be lost, not waited for.
   *
   * @param packed as {@link Frames} packs them, checked
   */
  public int fitting(byte[] packed) {
    int room = receiveRoom();
    int most = queue(RECEIVE).size();
    int at = 0;
    while (at < packed.length) {
      int buffers = has(F_MERGED_BUFFERS) ? mergedBuffers(Frames.lengthAt(packed, at)) : 1;
      if (buffers > room && (at > 0 || buffers <= most)) {
        break;
      }
      room -= buffers;
      at = Frames.next(packed, at);
    }
    return at;
  }

  private static int mergedBuffers(int bytes) {
    return (bytes + MERGED_BUFFER_BYTES - 1) / MERGED_BUFFER_BYTES;
  }

  /**
   * Input event: frames from outside. What finds no buffers is lost, with all behind it; one that the guest's driver did not say it takes is lost by itself.
   *
   * @param packed as {@link Frames} packs them, checked
   */
  public void receive(byte[] packed) {
    Virtqueue queue = queue(RECEIVE);
    boolean room = true;
    for (int at = 0; room && at < packed.length; at = Frames.next(packed, at)) {
      int from = at + Frames.LENGTH_BYTES;
      int length = Frames.lengthAt(packed, at);
      if (!offloading) {
        byte[] buffer = new byte[HEADER_BYTES + length];
        System.arraycopy(packed, from, buffer, HEADER_BYTES, length);
        room = receive(queue, buffer);
      } else if (OffloadHeader.fits(packed, from, length, receiveOffloads)) {
        byte[] buffer = Arrays.copyOfRange(packed, from, from + length);
        OffloadHeader.clearForGuest(buffer, 0, receiveOffloads);
        room = receive(queue, buffer);
      }
    }
    queue.endBatch();
  }

  /** Puts a frame behind its header into the guest's buffers; false if there are too few, or they broke the rules. */
  private boolean receive(Virtqueue queue, byte[] frame) {
    if (!has(F_MERGED_BUFFERS)) {
      DescriptorChain chain = queue.pop();
      if (chain == null || !isFor(queue, chain, frame.length)) {
        return false;
      }
      OffloadHeader.setBuffers(frame, 0, 1);
      DescriptorChain.scatter(memory, chain.writable(), frame);
      queue.push(chain.head(), frame.length);
      return true;
    }
    int buffers = 0;
    long bytes = 0;
    while (bytes < frame.length) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        queue.putBack(buffers);
        return false;
      }
      if (!isFor(queue, chain, HEADER_BYTES)) {
        return false;
      }
      buffers++;
      bytes += chain.writableBytes();
    }
    queue.putBack(buffers);
    OffloadHeader.setBuffers(frame, 0, buffers);
    int done = 0;
    for (DescriptorChain chain = queue.pop();
        chain != null && done < frame.length;
        chain = done < frame.length ? queue.pop() : null) {
      int part = (int) Math.min(chain.writableBytes(), frame.length - done);
      DescriptorChain.scatter(memory, chain.writable(), frame, done, part);
      queue.push(chain.head(), part);
      done += part;
    }
    return true;
  }

  private static boolean isFor(Virtqueue queue, DescriptorChain chain, int bytes) {
    if (chain.readable().isEmpty() && chain.writableBytes() >= bytes) {
      return true;
    }
    queue.violated(
        "a buffer of %d bytes for a frame of %d".formatted(chain.writableBytes(), bytes));
    return false;
  }

  /** Whether its driver would understand {@link #announce}. */
  public boolean canAnnounce() {
    return announces;
  }

  /**
   * Input event: the guest is asked to announce its interface, since it is now somewhere else.
   *
   * @return false if its driver cannot; then nothing happened
   */
  public boolean announce() {
    if (!announces) {
      return false;
    }
    status |= STATUS_ANNOUNCE;
    configurationChanged();
    return true;
  }

  @Override
  void save(StateWriter out) {
    out.flag("announces", announces).number("linkStatus", status);
    if (offloading) {
      out.number("offloads", accepted);
    }
  }

  @Override
  void restore(StateReader in) {
    announces = in.flag("announces");
    status = in.integer("linkStatus", 0, STATUS_LINK_UP | STATUS_ANNOUNCE);
    accept(offloading ? in.number("offloads") & F_OFFLOADS : 0);
  }
}
