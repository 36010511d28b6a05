package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.net.Frames;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The network device under a driver that keeps the rules, and one that breaks them one at a time. */
class VirtioNetTest {
  private static final int ISR_QUEUE = 1;
  private static final int ISR_CONFIG = 2;
  private static final int STATUS = 6;
  private static final int GENERATION = 0x15;

  private final Random random = new Random(Long.getLong("lockstep.seed", 1));
  private final NetDriver net = new NetDriver();

  @AfterEach
  void close() {
    net.close();
  }

  @Test
  void itIsANetworkInterfaceWithItsAddress() {
    assertThat(net.driver.readConfig(2, 2)).isEqualTo(0x1041);
    assertThat(net.driver.readConfig(8, 4) >>> 8).isEqualTo(0x02_00_00);
    // MAC, STATUS, CTRL_VQ, GUEST_ANNOUNCE (virtio 1.2, section 5.1.3); no offload.
    assertThat(net.driver.offered() & 0x0fff_ffff).isEqualTo(1 << 5 | 1 << 16 | 1 << 17 | 1 << 21);
    assertThat(net.driver.queues()).isEqualTo(3);
    for (int i = 0; i < 6; i++) {
      assertThat(net.driver.deviceConfig(i, 1)).isEqualTo(NetDriver.ADDRESS.octet(i));
    }
    assertThat(net.driver.deviceConfig(STATUS, 2)).as("link is up").isEqualTo(1);
    assertThat(net.driver.deviceConfig(8, 2)).as("beyond the configuration").isZero();
  }

  @Test
  void framesAreSentWholeFromPieces() {
    net.start(0);
    byte[] frame = random(60);
    for (int[] pieces : new int[][] {{}, {12}, {5}, {12, 14}, {5, 30, 1, 1}, {71}, {12, 0, 20}}) {
      net.sent.clear();
      net.send(frame, pieces);
      assertThat(net.sent).as("in %d pieces", pieces.length + 1).hasSize(1);
      assertThat(net.sent.getFirst()).isEqualTo(frame);
      assertThat(net.transmit().takeUsed()).as("nothing written").isZero();
      assertThat(net.driver.readIsr()).isEqualTo(ISR_QUEUE);
    }
    assertThat(net.broken()).isFalse();
  }

  @Test
  void framesAreSentFromAnIndirectTable() {
    net.start(Driver.INDIRECT_FEATURE);
    byte[] frame = random(1518);
    net.memory.write(0x3000, new byte[12], 0, 12);
    net.memory.write(0x4000, frame, 0, frame.length);
    net.driver.putDescriptor(0x2000, 0, 0x3000, 12, Driver.NEXT, 1);
    net.driver.putDescriptor(0x2000, 1, 0x4000, 1000, Driver.NEXT, 2);
    net.driver.putDescriptor(0x2000, 2, 0x4000 + 1000, 518, 0, 0);
    net.transmit().descriptor(3, 0x2000, 48, Driver.INDIRECT, 0);
    net.transmit().offer(3);
    net.transmit().kick();
    assertThat(net.sent).hasSize(1);
    assertThat(net.sent.getFirst()).isEqualTo(frame);
    assertThat(net.transmit().takeUsed()).isEqualTo(3L << 32);
  }

  @Test
  void manyFramesGoWithOneNotification() {
    net.start(0);
    for (int i = 0; i < 5; i++) {
      net.memory.write8(NetDriver.buffer(1, i) + 12, i);
      net.transmit().descriptor(i, NetDriver.buffer(1, i), 12 + 60, 0, 0);
      net.transmit().offer(i);
    }
    net.transmit().kick();
    assertThat(net.sent)
        .extracting(frame -> frame[0])
        .containsExactly((byte) 0, (byte) 1, (byte) 2, (byte) 3, (byte) 4);
    assertThat(net.transmit().usedIndex()).isEqualTo(5);
  }

  /** A real interface loses them on the cable; the driver has its buffer back. */
  @Test
  void whatIsNoFrameIsLost() {
    net.start(0);
    for (int length : new int[] {0, 1, 13, 1519, 1600}) {
      net.send(new byte[length]);
      assertThat(net.transmit().takeUsed()).isZero();
    }
    assertThat(net.sent).isEmpty();
    net.transmit().descriptor(0, NetDriver.buffer(1, 0), 11, 0, 0);
    net.transmit().offer(0);
    net.transmit().kick();
    net.transmit().descriptor(0, 0, 3 << 20, 0, 0);
    net.transmit().offer(0);
    net.transmit().kick();
    assertThat(net.transmit().usedIndex()).as("less than a header, and 3 MiB").isEqualTo(7);
    assertThat(net.sent).isEmpty();
    assertThat(net.broken()).isFalse();
    net.send(new byte[14]);
    net.send(new byte[1518]);
    assertThat(net.sent).extracting(frame -> frame.length).containsExactly(14, 1518);
  }

  @Test
  void aFrameToSendThatIsToBeWrittenBreaksIt() {
    net.start(0);
    net.transmit().descriptor(0, NetDriver.buffer(1, 0), 72, Driver.NEXT, 1);
    net.transmit().descriptor(1, NetDriver.buffer(1, 1), 72, Driver.WRITE, 0);
    net.transmit().offer(0);
    net.transmit().kick();
    assertThat(net.broken()).isTrue();
    assertThat(net.sent).isEmpty();
    assertThat(net.transmit().hasUsed()).isFalse();
    net.start(0);
    net.send(new byte[60]);
    assertThat(net.sent).as("after a reset").hasSize(1);
  }

  @Test
  void aBatchIsReceivedAndTheDriverHearsOfIt() {
    net.start(Driver.EVENT_INDEX);
    net.offerBuffers(4, 2000);
    assertThat(net.device.receives()).isTrue();
    assertThat(net.device.receiveRoom()).isEqualTo(4);
    byte[] first = random(60);
    byte[] second = random(1518);
    byte[] third = random(14);
    // The driver wants to hear of the third used buffer only (virtio 1.2, section 2.7.7).
    net.memory.write16(net.receive().availableRing() + 4 + 2L * NetDriver.SIZE, 2);
    net.device.receive(packed(first, second));
    assertThat(net.driver.readIsr()).as("not yet").isZero();
    net.device.receive(packed(third));
    assertThat(net.driver.readIsr()).isEqualTo(ISR_QUEUE);
    assertThat(net.device.receiveRoom()).isEqualTo(1);
    int id = 0;
    for (byte[] frame : new byte[][] {first, second, third}) {
      assertThat(net.receive().takeUsed()).isEqualTo((long) id << 32 | 12 + frame.length);
      byte[] got = net.bytes(NetDriver.buffer(0, id), 12 + frame.length);
      // No offload, and one buffer (section 5.1.6.4).
      assertThat(got).startsWith(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0).endsWith(frame);
      id++;
    }
  }

  @Test
  void aFrameFillsABufferOfPieces() {
    net.start(0);
    net.receive().descriptor(0, 0x2000, 12, Driver.WRITE | Driver.NEXT, 1);
    net.receive().descriptor(1, 0x3000, 20, Driver.WRITE | Driver.NEXT, 2);
    net.receive().descriptor(2, 0x4000, 1498, Driver.WRITE, 0);
    net.receive().offer(0);
    byte[] frame = random(1518);
    net.device.receive(packed(frame));
    assertThat(net.receive().takeUsed()).isEqualTo(1530);
    assertThat(net.bytes(0x3000, 20)).isEqualTo(Arrays.copyOf(frame, 20));
    assertThat(net.bytes(0x4000, 1498)).isEqualTo(Arrays.copyOfRange(frame, 20, 1518));
  }

  @Test
  void whatFindsNoBufferIsLost() {
    net.start(0);
    net.offerBuffers(2, 2000);
    net.device.receive(packed(random(60), random(61), random(62)));
    assertThat(net.receive().takeUsed()).isEqualTo(72);
    assertThat(net.receive().takeUsed()).isEqualTo(1L << 32 | 73);
    net.offerBuffers(1, 2000);
    assertThat(net.receive().hasUsed()).as("it was not kept").isFalse();
    assertThat(net.broken()).isFalse();
  }

  @Test
  void aDriverThatIsNotReadyReceivesNothing() {
    assertThat(net.device.receives()).isFalse();
    assertThat(net.device.receiveRoom()).isZero();
    net.device.receive(packed(random(60)));
    net.driver.begin(Driver.VERSION_1);
    Driver.Ring ring = net.driver.ring(0, 16, 0x10_0000, false);
    ring.descriptor(0, 0x2000, 2000, Driver.WRITE, 0);
    ring.offer(0);
    net.device.receive(packed(random(60)));
    assertThat(net.device.receives()).as("without DRIVER_OK").isFalse();
    assertThat(ring.hasUsed()).isFalse();
    net.driver.ready();
    assertThat(net.device.receiveRoom()).isEqualTo(1);
    net.device.receive(packed(random(60)));
    assertThat(ring.takeUsed()).isEqualTo(72);
  }

  @Test
  void aBufferThatIsTooSmallBreaksIt() {
    net.start(0);
    net.offerBuffers(2, 12 + 60);
    byte[] before = net.bytes(NetDriver.buffer(0, 1), 100);
    net.device.receive(packed(random(60), random(61), random(14)));
    assertThat(net.broken()).isTrue();
    assertThat(net.device.receives()).isFalse();
    assertThat(net.receive().takeUsed()).isEqualTo(72);
    assertThat(net.receive().hasUsed()).isFalse();
    assertThat(net.bytes(NetDriver.buffer(0, 1), 100)).isEqualTo(before);
    assertThat(net.driver.readIsr() & ISR_CONFIG).isEqualTo(ISR_CONFIG);

    net.start(0);
    net.receive().descriptor(0, 0x2000, 12, Driver.NEXT, 1);
    net.receive().descriptor(1, 0x3000, 2000, Driver.WRITE, 0);
    net.receive().offer(0);
    net.device.receive(packed(random(60)));
    assertThat(net.broken()).as("a readable header").isTrue();
  }

  @Test
  void moreBuffersThanTheQueueHoldsAreNotCounted() {
    net.start(0);
    net.memory.write16(net.receive().availableRing() + 2, 40_000);
    assertThat(net.device.receiveRoom()).isEqualTo(NetDriver.SIZE);
    net.device.receive(packed(random(60)));
    assertThat(net.broken()).isTrue();
    assertThat(net.device.receiveRoom()).isZero();
  }

  @Test
  void anAnnouncementIsAskedForAndAcknowledged() {
    assertThat(net.device.canAnnounce()).isFalse();
    assertThat(net.device.announce()).as("no driver").isFalse();
    net.start(NetDriver.ANNOUNCES);
    long generation = net.driver.commonRead(GENERATION, 1);
    assertThat(net.driver.readIsr()).isZero();
    assertThat(net.device.canAnnounce()).isTrue();
    assertThat(net.device.announce()).isTrue();
    assertThat(net.driver.readIsr()).isEqualTo(ISR_CONFIG);
    assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(3);
    assertThat(net.driver.commonRead(GENERATION, 1)).isNotEqualTo(generation);
    // VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK (section 5.1.6.5.4).
    assertThat(net.command(3, 0)).isZero();
    assertThat(net.control().takeUsed()).isEqualTo(1);
    assertThat(net.driver.readIsr()).isEqualTo(ISR_QUEUE);
    assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(1);
  }

  @Test
  void aDriverThatCannotAnnounceIsNotAsked() {
    for (long features : new long[] {0, VirtioNet.F_GUEST_ANNOUNCE, VirtioNet.F_CTRL_VQ}) {
      net.start(features);
      assertThat(net.device.announce()).as("%#x", features).isFalse();
      assertThat(net.driver.readIsr()).isZero();
      assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(1);
    }
  }

  @Test
  void otherCommandsAreAnsweredWithAnError() {
    net.start(NetDriver.ANNOUNCES);
    net.device.announce();
    for (int[] command :
        new int[][] {{3, 1}, {0, 0, 1}, {1, 1, 2, 3, 4, 5, 6}, {4, 0}, {255, 255}}) {
      assertThat(net.command(command)).as("class %d", command[0]).isEqualTo(1);
    }
    assertThat(net.driver.deviceConfig(STATUS, 2)).as("still asked").isEqualTo(3);
    assertThat(net.broken()).isFalse();
  }

  @Test
  void commandsThatAreNoneBreakIt() {
    net.start(NetDriver.ANNOUNCES);
    net.command(3);
    assertThat(net.broken()).as("one byte").isTrue();

    net.start(NetDriver.ANNOUNCES);
    net.memory.write16(NetDriver.buffer(2, 0), 3);
    net.control().descriptor(0, NetDriver.buffer(2, 0), 2, 0, 0);
    net.control().offer(0);
    net.control().kick();
    assertThat(net.broken()).as("no room for an answer").isTrue();
    assertThat(net.control().hasUsed()).isFalse();
  }

  @Test
  void aResetForgetsEverythingButTheAddress() {
    net.start(NetDriver.ANNOUNCES);
    net.offerBuffers(3, 2000);
    net.device.announce();
    net.driver.setStatus(0);
    assertThat(net.device.canAnnounce()).isFalse();
    assertThat(net.device.receives()).isFalse();
    assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(1);
    assertThat(net.driver.deviceConfig(0, 1)).isEqualTo(0x52);
    assertThat(net.driver.readIsr()).isZero();
  }

  @Test
  void anotherInterfaceGoesOnFromItsState() {
    net.start(NetDriver.ANNOUNCES);
    net.offerBuffers(3, 2000);
    net.device.receive(packed(random(60)));
    net.device.announce();
    DeviceState state = DeviceState.decode(net.function.save().encode());
    net.driver.setStatus(0);
    net.function.restore(state);
    assertThat(net.function.save().differences(state)).isEmpty();
    assertThat(net.device.receiveRoom()).isEqualTo(2);
    assertThat(net.device.canAnnounce()).isTrue();
    assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(3);
    net.receive().takeUsed();
    net.device.receive(packed(random(70)));
    assertThat(net.receive().takeUsed()).isEqualTo(1L << 32 | 82);
    net.send(random(60));
    assertThat(net.sent).hasSize(1);
    assertThat(net.command(3, 0)).isZero();
    assertThat(net.driver.deviceConfig(STATUS, 2)).isEqualTo(1);
  }

  private byte[] random(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] packed(byte[]... frames) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (byte[] frame : frames) {
      packed.writeBytes(Frames.pack(frame));
    }
    return packed.toByteArray();
  }
}
