package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.OffloadHeader;
import dev.lockstep.vmm.net.Offloads;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Frames of which a part of the work is left to the other side. */
class VirtioNetOffloadTest {
  private static final int NEEDS_CHECKSUM = 1;
  private static final int TCP_V4 = 1;
  private static final int TCP_V6 = 4;
  private static final int ECN = 0x80;
  private static final long MERGED = NetDriver.OFFLOADS | VirtioNet.F_MERGED_BUFFERS;

  private final Random random = new Random(Long.getLong("lockstep.seed", 1));
  private final NetDriver net = new NetDriver(true);

  @AfterEach
  void close() {
    net.close();
  }

  /** A header (virtio 1.2, section 5.1.6), and a frame behind it. */
  private byte[] frame(int flags, int segmentation, int segmentBytes, int bytes) {
    byte[] both = new byte[OffloadHeader.BYTES + bytes];
    random.nextBytes(both);
    Arrays.fill(both, 0, OffloadHeader.BYTES, (byte) 0);
    both[0] = (byte) flags;
    both[1] = (byte) segmentation;
    both[2] = 54;
    both[4] = (byte) segmentBytes;
    both[5] = (byte) (segmentBytes >>> 8);
    both[6] = 34;
    both[8] = 16;
    return both;
  }

  private byte[] segments(int bytes) {
    return frame(NEEDS_CHECKSUM, TCP_V4, 1448, bytes);
  }

  /** Sends header and frame as they are, in one buffer far from the others. */
  private void send(byte[] both) {
    net.memory.write(0x3_0000, both, 0, both.length);
    net.transmit().descriptor(0, 0x3_0000, both.length, 0, 0);
    net.transmit().offer(0);
    net.transmit().kick();
    net.transmit().takeUsed();
  }

  @Test
  void itOffersThem() {
    assertThat(net.driver.offered() & MERGED).isEqualTo(MERGED);
    net.start(MERGED);
    assertThat(net.device.receiveOffloads()).isEqualTo(new Offloads(true, true, true, true));
    net.start(0);
    assertThat(net.device.receiveOffloads()).isEqualTo(Offloads.NONE);
    net.start(1 << 7 | 1 << 9);
    assertThat(net.device.receiveOffloads())
        .as("segments take the checksum")
        .isEqualTo(Offloads.NONE);
  }

  @Test
  void framesOfEverySizeAreSentWithTheirHeaders() {
    net.start(NetDriver.OFFLOADS);
    byte[][] frames = {
      frame(0, 0, 0, 14),
      frame(NEEDS_CHECKSUM, 0, 0, 1518),
      segments(1519),
      segments(65_522),
      frame(NEEDS_CHECKSUM, TCP_V6 | ECN, 1000, 20_000)
    };
    for (byte[] both : frames) {
      send(both);
    }
    assertThat(net.sent).containsExactly(frames);
    assertThat(net.broken()).isFalse();
  }

  @Test
  void whatAHostDoesNotReadIsNotGivenToIt() {
    net.start(NetDriver.OFFLOADS);
    byte[] both = frame(0xff, 0, 0, 60);
    both[10] = 7;
    send(both);
    assertThat(net.sent.getFirst()[0]).isEqualTo((byte) NEEDS_CHECKSUM);
    assertThat(net.sent.getFirst()[10]).isZero();
  }

  @Test
  void whatIsNoFrameIsLost() {
    net.start(NetDriver.OFFLOADS);
    send(frame(0, 0, 0, 13));
    send(frame(0, 0, 0, 1519));
    send(segments(65_523));
    send(frame(NEEDS_CHECKSUM, TCP_V4, 0, 3000));
    send(frame(0, TCP_V4, 1448, 3000));
    send(frame(NEEDS_CHECKSUM, 3, 1448, 3000)); // UDP, which is not offered
    send(frame(NEEDS_CHECKSUM, ECN, 1448, 3000));
    send(frame(NEEDS_CHECKSUM, 0, 0, 51)); // the checksum ends at 52
    assertThat(net.sent).isEmpty();
    assertThat(net.broken()).isFalse();
  }

  @Test
  void whatWasNotNegotiatedIsLost() {
    net.start(0);
    send(frame(NEEDS_CHECKSUM, 0, 0, 60));
    send(segments(3000));
    assertThat(net.sent).isEmpty();
    net.start(1);
    send(frame(NEEDS_CHECKSUM, 0, 0, 60));
    send(segments(3000));
    assertThat(net.sent).hasSize(1);
    net.start(1 | 1 << 11);
    send(frame(NEEDS_CHECKSUM, TCP_V4 | ECN, 1448, 3000));
    send(frame(NEEDS_CHECKSUM, TCP_V6, 1448, 3000));
    send(segments(3000));
    assertThat(net.sent).hasSize(2);
  }

  @Test
  void aLargeFrameGoesOverSeveralBuffers() {
    net.start(MERGED);
    net.offerBuffers(5, 1530);
    byte[] large = segments(4000);
    byte[] small = frame(2, 0, 0, 60);
    byte[] packed = packed(large, small);
    assertThat(net.device.fitting(packed)).isEqualTo(packed.length);
    net.device.receive(packed);
    byte[] got = new byte[large.length];
    for (int i = 0, at = 0; i < 3; i++) {
      int part = Math.min(1530, large.length - at);
      assertThat(net.receive().takeUsed()).isEqualTo((long) i << 32 | part);
      System.arraycopy(net.bytes(NetDriver.buffer(0, i), part), 0, got, at, part);
      at += part;
    }
    large[10] = 3;
    assertThat(got).as("with its number of buffers").isEqualTo(large);
    assertThat(net.receive().takeUsed()).isEqualTo(3L << 32 | small.length);
    assertThat(net.device.receiveRoom()).isEqualTo(1);
  }

  @Test
  void aFrameThatFindsTooFewBuffersTakesNone() {
    net.start(MERGED);
    net.offerBuffers(3, 1530);
    byte[] large = segments(6000);
    assertThat(net.device.fitting(packed(large))).as("it is waited with").isZero();
    net.device.receive(packed(large));
    assertThat(net.receive().hasUsed()).isFalse();
    assertThat(net.device.receiveRoom()).isEqualTo(3);
    net.device.receive(packed(frame(0, 0, 0, 60)));
    assertThat(net.receive().takeUsed()).isEqualTo(72);
  }

  @Test
  void aFrameThatNoQueueHoldsIsNotWaitedWith() {
    net.start(MERGED);
    byte[] packed = packed(segments(1530 * NetDriver.SIZE), frame(0, 0, 0, 60));
    assertThat(net.device.fitting(packed)).isEqualTo(Frames.next(packed, 0));
    net.device.receive(Arrays.copyOf(packed, Frames.next(packed, 0)));
    assertThat(net.broken()).isFalse();
  }

  @Test
  void whatTheDriverDoesNotTakeIsLostByItself() {
    net.start(VirtioNet.F_MERGED_BUFFERS | 1 << 1);
    net.offerBuffers(5, 1530);
    net.device.receive(packed(segments(3000), frame(NEEDS_CHECKSUM, 0, 0, 60)));
    assertThat(net.receive().takeUsed()).isEqualTo(72);
    assertThat(net.bytes(NetDriver.buffer(0, 0), 1)).containsExactly(NEEDS_CHECKSUM);
    net.start(0);
    net.offerBuffers(5, 1530);
    net.device.receive(packed(frame(NEEDS_CHECKSUM, 0, 0, 60), frame(2, 0, 0, 61)));
    assertThat(net.receive().takeUsed()).isEqualTo(73);
    assertThat(net.bytes(NetDriver.buffer(0, 0), 1)).as("it was valid, and is").containsExactly(0);
  }

  @Test
  void aDriverWithoutMergedBuffersHasLargeOnes() {
    net.start(NetDriver.OFFLOADS);
    net.receive().descriptor(0, 0x3_0000, 0x1_0000, Driver.WRITE, 0);
    net.receive().offer(0);
    byte[] large = segments(65_522);
    assertThat(net.device.fitting(packed(large))).isPositive();
    net.device.receive(packed(large));
    assertThat(net.receive().takeUsed()).isEqualTo(large.length);
  }

  @Test
  void anotherInterfaceGoesOnFromItsState() {
    net.start(MERGED);
    net.offerBuffers(4, 1530);
    DeviceState state = DeviceState.decode(net.function.save().encode());
    net.driver.setStatus(0);
    assertThat(net.device.receiveOffloads()).isEqualTo(Offloads.NONE);
    net.function.restore(state);
    assertThat(net.function.save().differences(state)).isEmpty();
    assertThat(net.device.receiveOffloads()).isEqualTo(new Offloads(true, true, true, true));
    net.device.receive(packed(segments(4000)));
    assertThat(net.receive().takeUsed()).isEqualTo(1530);
  }

  private static byte[] packed(byte[]... frames) {
    byte[] all = {};
    for (byte[] frame : frames) {
      byte[] one = Frames.pack(frame);
      all = Arrays.copyOf(all, all.length + one.length);
      System.arraycopy(one, 0, all, all.length - one.length, one.length);
    }
    return all;
  }
}
