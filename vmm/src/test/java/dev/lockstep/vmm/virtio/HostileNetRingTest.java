package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.log.RandomEntries;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.OffloadHeader;
import java.io.ByteArrayOutputStream;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Guests that break every rule of the network device's rings, while frames come in. What goes out is frames, nothing is written where no descriptor and no ring is, a restore in between
 * changes nothing, and after a reset the device works.
 */
@Timeout(120)
class HostileNetRingTest {
  private static final int ROUNDS = 2_000;

  /** Named by nobody. */
  private static final long UNTOUCHED = 0x30_0000;

  private static final int UNTOUCHED_BYTES = 0x8_0000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void randomRingsDoNoHarm(boolean offloading) {
    System.out.println("HostileNetRingTest seed " + seed);
    int broken = 0;
    int used = 0;
    int sent = 0;
    try (NetDriver net = new NetDriver(offloading)) {
      byte[] pattern = new byte[UNTOUCHED_BYTES];
      random.nextBytes(pattern);
      net.memory.write(UNTOUCHED, pattern, 0, UNTOUCHED_BYTES);
      for (int round = 0; round < ROUNDS; round++) {
        net.start(
            (random.nextBoolean() ? Driver.EVENT_INDEX : 0)
                | (random.nextBoolean() ? Driver.INDIRECT_FEATURE : 0)
                | (random.nextBoolean() ? NetDriver.ANNOUNCES : 0)
                | (offloading && random.nextBoolean() ? NetDriver.OFFLOADS : 0)
                | (offloading && random.nextBoolean() ? VirtioNet.F_MERGED_BUFFERS : 0));
        for (int batch = 0; batch < 4; batch++) {
          scribble(net);
          act(net, offloading);
        }
        for (byte[] frame : net.sent) {
          assertThat(Frames.fits(frame.length)).as("seed %d", seed).isTrue();
        }
        assertThat(net.sent.size())
            .as("bounded by the ring")
            .isLessThanOrEqualTo(4 * NetDriver.SIZE * 4);
        broken += net.broken() ? 1 : 0;
        sent += net.sent.size();
        for (Driver.Ring ring : net.rings) {
          used += ring.usedIndex();
        }
        net.sent.clear();
      }
      assertThat(net.bytes(UNTOUCHED, UNTOUCHED_BYTES)).as("seed %d", seed).isEqualTo(pattern);
      net.start(NetDriver.ANNOUNCES);
      net.send(new byte[60]);
      net.offerBuffers(1, 2000);
      byte[] frame = new byte[60];
      net.device.receive(Frames.pack(offloading ? OffloadHeader.before(frame) : frame));
      assertThat(net.sent).as("after a reset").hasSize(1);
      assertThat(net.receive().takeUsed()).isEqualTo(72);
      assertThat(net.command(3, 0)).isZero();
    }
    System.out.printf(
        "HostileNetRingTest: %d devices broken, %d buffers returned, %d frames sent%n",
        broken, used, sent);
    assertThat(broken).as("seed %d", seed).isBetween(ROUNDS / 8, ROUNDS - 1);
    assertThat(used).as("seed %d", seed).isGreaterThan(ROUNDS / 2);
    assertThat(sent).as("seed %d", seed).isGreaterThan(ROUNDS / 8);
  }

  private void act(NetDriver net, boolean offloading) {
    switch (random.nextInt(4)) {
      case 0 -> {
        int room = net.device.receiveRoom();
        assertThat(room).isBetween(0, NetDriver.SIZE);
        byte[] frames = RandomEntries.frames(random);
        net.device.receive(offloading ? withHeaders(frames) : frames);
      }
      case 1 -> net.device.announce();
      default -> net.rings[random.nextInt(3)].kick();
    }
    if (random.nextInt(4) == 0) {
      DeviceState state = net.function.save();
      net.function.restore(DeviceState.decode(state.encode()));
      assertThat(net.function.save().differences(state)).isEmpty();
    }
  }

  private byte[] withHeaders(byte[] packed) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] frame : Frames.unpack(packed)) {
      byte[] both = OffloadHeader.before(frame);
      if (random.nextInt(3) == 0) {
        both[random.nextInt(OffloadHeader.BYTES)] = (byte) random.nextInt();
      }
      all.writeBytes(Frames.pack(both));
    }
    return all.toByteArray();
  }

  private void scribble(NetDriver net) {
    for (int i = 0; i < 3; i++) {
      Driver.Ring ring = net.rings[i];
      boolean written = i == 0;
      for (int id = 0; id < NetDriver.SIZE; id++) {
        ring.descriptor(id, address(i, id), length(), flags(written), random.nextInt(18));
      }
      for (int offers = random.nextInt(3); offers > 0; offers--) {
        ring.offer(random.nextInt(8) == 0 ? random.nextInt(18) : random.nextInt(16));
      }
      if (random.nextInt(40) == 0) {
        net.memory.write16(ring.availableRing() + 2, random.nextInt(0x1_0000));
      }
    }
    for (int table = 0; table < 4; table++) {
      for (int id = 0; id < 8; id++) {
        net.driver.putDescriptor(
            0x4000 + table * 0x100L, id, address(1, id), length(), flags(false), random.nextInt(9));
      }
    }
    net.memory.write16(NetDriver.buffer(2, 0), random.nextInt(5));
  }

  private long address(int ring, int id) {
    return switch (random.nextInt(16)) {
      case 0 -> random.nextLong() | 1L << 40;
      case 1 -> DiskBench.MEMORY_BYTES - random.nextInt(1024);
      case 2, 3 -> 0x4000 + random.nextInt(4) * 0x100L;
      default -> NetDriver.buffer(ring, id);
    };
  }

  private int length() {
    return switch (random.nextInt(12)) {
      case 0 -> random.nextInt();
      case 1 -> 0;
      case 2 -> 16 * random.nextInt(18);
      case 3 -> random.nextInt(2, 40);
      default -> random.nextInt(26, 1600);
    };
  }

  private int flags(boolean written) {
    int usual = written ? Driver.WRITE : 0;
    return random.nextInt(5) == 0 ? random.nextInt(8) : usual;
  }
}
