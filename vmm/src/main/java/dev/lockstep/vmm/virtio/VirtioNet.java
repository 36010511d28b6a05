package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import java.util.function.Consumer;

/**
 * virtio network device (virtio 1.2, section 5.1) with one pair of queues and a control queue, without offloads: what the guest sends is a whole frame with its checksums. It keeps
 * no frame: those that the guest sends go out at once, and one that is received needs a buffer of the guest's at that moment.
 */
public final class VirtioNet extends VirtioDevice {
  /** The feature by which a driver can be told to announce its interface (section 5.1.3). */
  static final long F_GUEST_ANNOUNCE = 1L << 21;

  /** The feature of a control queue. */
  static final long F_CTRL_VQ = 1L << 17;

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
  static final int HEADER_BYTES = 12;

  private static final int HEADER_BUFFERS = 10;

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
  private final Consumer<byte[]> output;
  private boolean announces;
  private int status = STATUS_LINK_UP;

  /**
   * An interface whose cable is plugged in.
   *
   * @param memory where buffers are
   * @param address the guest's
   * @param output takes the frames that the guest sends, each of a length that {@link Frames#fits}
   */
  public VirtioNet(GuestMemory memory, MacAddress address, Consumer<byte[]> output) {
    this.memory = memory;
    this.address = address;
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
    return F_MAC | F_STATUS | F_CTRL_VQ | F_GUEST_ANNOUNCE;
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
  }

  @Override
  void reset() {
    announces = false;
    status = STATUS_LINK_UP;
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
      long length = chain.readableBytes() - HEADER_BYTES;
      if (length >= Frames.MIN_FRAME_BYTES && length <= Frames.MAX_FRAME_BYTES) {
        output.accept(chain.gather(memory, HEADER_BYTES, (int) length));
      }
      queue.push(chain.head(), 0);
    }
    queue.endBatch();
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

  /** How many frames the guest has buffers for now. */
  public int receiveRoom() {
    return queue(RECEIVE).availableBuffers();
  }

  /**
   * Input event: frames from outside. What finds no buffer, or one that is too small, is lost, with all behind it.
   *
   * @param packed as {@link Frames} packs them, checked
   */
  public void receive(byte[] packed) {
    Virtqueue queue = queue(RECEIVE);
    for (int at = 0; at < packed.length; at = Frames.next(packed, at)) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        break;
      }
      int length = HEADER_BYTES + Frames.lengthAt(packed, at);
      if (!chain.readable().isEmpty() || chain.writableBytes() < length) {
        queue.violated(
            "a buffer of %d bytes for a frame of %d".formatted(chain.writableBytes(), length));
        break;
      }
      byte[] buffer = new byte[length];
      buffer[HEADER_BUFFERS] = 1;
      System.arraycopy(
          packed, at + Frames.LENGTH_BYTES, buffer, HEADER_BYTES, length - HEADER_BYTES);
      DescriptorChain.scatter(memory, chain.writable(), buffer);
      queue.push(chain.head(), length);
    }
    queue.endBatch();
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
  }

  @Override
  void restore(StateReader in) {
    announces = in.flag("announces");
    status = in.integer("linkStatus", 0, STATUS_LINK_UP | STATUS_ANNOUNCE);
  }
}
