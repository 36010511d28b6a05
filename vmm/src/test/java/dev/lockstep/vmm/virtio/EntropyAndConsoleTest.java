package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The entropy device and the console. */
class EntropyAndConsoleTest {
  private static final long RING = 0x10_0000;
  private static final long BUFFER = 0x20_0000;

  private final DiskBench bench = new DiskBench();

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void entropyIsAskedForAtOnceForAllBuffers() {
    List<Integer> asked = new ArrayList<>();
    VirtioEntropy entropy = new VirtioEntropy(bench.memory, asked::add);
    VirtioPci function = bench.attach(entropy, 1);
    Driver driver = new Driver(bench.bench.bus, bench.memory, 1);
    assertThat(driver.readConfig(2, 2)).isEqualTo(0x1044);
    Driver.Ring ring = driver.start(0, 8, RING);
    ring.descriptor(0, BUFFER, 64, Driver.WRITE, 0);
    ring.descriptor(1, BUFFER + 64, 1000, Driver.WRITE, 0);
    ring.descriptor(2, BUFFER + 4096, 10, Driver.NEXT | Driver.WRITE, 3);
    ring.descriptor(3, BUFFER + 8192, 10, Driver.WRITE, 0);
    ring.offer(0);
    ring.offer(1);
    ring.offer(2);
    ring.kick();
    int wanted = 64 + VirtioEntropy.MAX_BUFFER_BYTES + 20;
    assertThat(asked).containsExactly(wanted);
    assertThat(entropy.provide(new byte[wanted - 1])).as("not what was asked for").isFalse();

    // What comes meanwhile waits for its turn.
    ring.offer(0);
    ring.kick();
    assertThat(asked).containsExactly(wanted);

    DeviceState state = function.save();
    driver.setStatus(0);
    assertThat(entropy.wantedBytes()).isZero();
    assertThat(entropy.provide(new byte[wanted])).as("nobody waits").isFalse();
    function.restore(state);
    assertThat(entropy.wantedBytes()).isEqualTo(wanted);

    byte[] random = new byte[wanted];
    random[0] = 42;
    random[64] = 43;
    random[wanted - 1] = 44;
    assertThat(ring.usedIndex()).isZero();
    assertThat(entropy.provide(random)).isTrue();
    assertThat(ring.usedIndex()).isEqualTo(3);
    assertThat(ring.takeUsed()).isEqualTo(64);
    assertThat(ring.takeUsed()).isEqualTo(1L << 32 | VirtioEntropy.MAX_BUFFER_BYTES);
    assertThat(ring.takeUsed()).isEqualTo(2L << 32 | 20);
    assertThat(bench.memory.read8(BUFFER)).isEqualTo(42);
    assertThat(bench.memory.read8(BUFFER + 64)).isEqualTo(43);
    assertThat(bench.memory.read8(BUFFER + 8192 + 9)).isEqualTo(44);
    assertThat(driver.readIsr()).isEqualTo(1);
    assertThat(asked).containsExactly(wanted, 64);
    entropy.provide(new byte[64]);
    assertThat(ring.takeUsed()).isEqualTo(64);
    assertThat(entropy.wantedBytes()).isZero();
  }

  @Test
  void entropyBuffersThatAreToBeReadBreakIt() {
    VirtioEntropy entropy = new VirtioEntropy(bench.memory, bytes -> {});
    bench.attach(entropy, 1);
    Driver driver = new Driver(bench.bench.bus, bench.memory, 1);
    Driver.Ring ring = driver.start(0, 8, RING);
    ring.descriptor(0, BUFFER, 64, 0, 0);
    ring.offer(0);
    ring.kick();
    assertThat(driver.status() & 0x40).isEqualTo(0x40);
  }

  @Test
  void theConsoleTransmits() {
    Driver driver = console();
    Driver.Ring transmit = rings(driver).transmit();
    byte[] text = "hello, world".getBytes(StandardCharsets.US_ASCII);
    bench.memory.write(BUFFER, text, 0, text.length);
    transmit.descriptor(0, BUFFER, 5, Driver.NEXT, 1);
    transmit.descriptor(1, BUFFER + 5, 7, 0, 0);
    transmit.offer(0);
    transmit.kick();
    assertThat(transmit.takeUsed()).isZero();
    StringBuilder expected = new StringBuilder();
    for (byte octet : text) {
      expected.append("byte %02x ".formatted(octet));
    }
    assertThat(bench.bench.effects.toString()).isEqualTo(expected.toString());
    transmit.descriptor(0, 0, 2 << 20, 0, 0);
    transmit.offer(0);
    transmit.kick();
    assertThat(driver.status() & 0x40).as("a buffer of 2 MiB").isEqualTo(0x40);
  }

  private final VirtioConsole device = new VirtioConsole(bench.memory, bench.bench);

  private Driver console() {
    bench.attach(device, 1);
    return new Driver(bench.bench.bus, bench.memory, 1);
  }

  private record Rings(Driver.Ring receive, Driver.Ring transmit) {}

  private static Rings rings(Driver driver) {
    assertThat(driver.begin(Driver.VERSION_1)).isTrue();
    Rings rings =
        new Rings(driver.ring(0, 8, RING, false), driver.ring(1, 8, RING + 0x4000, false));
    driver.ready();
    return rings;
  }

  @Test
  void theConsoleReceivesWhenThereAreBuffers() {
    Driver driver = console();
    Driver.Ring receive = rings(driver).receive();
    byte[] early = "early".getBytes(StandardCharsets.US_ASCII);
    assertThat(device.receive(early)).isEqualTo(5);
    receive.descriptor(0, BUFFER, 3, Driver.WRITE, 0);
    receive.descriptor(1, BUFFER + 16, 16, Driver.WRITE, 0);
    receive.offer(0);
    receive.offer(1);
    receive.kick();
    assertThat(receive.takeUsed()).isEqualTo(3);
    assertThat(receive.takeUsed()).isEqualTo(1L << 32 | 2);
    assertThat(bench.memory.read8(BUFFER + 17)).isEqualTo('y');
    assertThat(device.receiveRoom()).isEqualTo(VirtioConsole.RECEIVE_QUEUE_BYTES);
    assertThat(device.receive(new byte[5000])).isEqualTo(VirtioConsole.RECEIVE_QUEUE_BYTES);
    DeviceState state = bench.functions.getFirst().save();
    bench.functions.getFirst().restore(state);
    assertThat(device.receiveRoom()).isZero();
    receive.offer(0);
    receive.kick();
    assertThat(receive.takeUsed()).isEqualTo(3);
    assertThat(device.receiveRoom()).isEqualTo(3);
  }
}
