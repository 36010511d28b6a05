package dev.lockstep.kvm.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.CProbe;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Unprivileged;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tap devices of the host's own kernel, in a network namespace of the test's own, so that the host's network is not touched. */
@Timeout(30)
final class TapDeviceTest {
  private static final int SIOCSIFADDR = 0x8916;
  private static final int[] HOST = {192, 0, 2, 1};
  private static final int[] GUEST = {192, 0, 2, 2};
  private static final int ARP_BYTES = 42;

  @Test
  void numbersAreC() throws Exception {
    CProbe.compareFields(NetAbi.class);
    Map<String, Long> expected = new LinkedHashMap<>();
    expected.put("sizeof(struct ifreq)", (long) InterfaceCalls.IFREQ_BYTES);
    expected.put("offsetof(struct ifreq, ifr_flags)", (long) InterfaceCalls.VALUE_OFFSET);
    expected.put("offsetof(struct ifreq, ifr_mtu)", (long) InterfaceCalls.VALUE_OFFSET);
    expected.put(
        "offsetof(struct ifreq, ifr_hwaddr.sa_data)",
        (long) InterfaceCalls.HARDWARE_ADDRESS_OFFSET);
    expected.put("SIOCSIFADDR", (long) SIOCSIFADDR);
    assertThat(CProbe.evaluate(expected.keySet(), false)).containsExactlyEntriesOf(expected);
  }

  @Test
  void theHostAnswersAFrame() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep%d")) {
        assertThat(tap.name()).isEqualTo("lockstep0");
        exchangeArp(tap, 0);
      }
    });
  }

  @Test
  void framesCarryVirtioHeaders() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.openWithVirtioHeaders("lockstep0", 12)) {
        tap.offload(EnumSet.allOf(Offload.class));
        exchangeArp(tap, 12);
        tap.offload(Set.of());
        assertThatThrownBy(() -> tap.offload(Set.of(Offload.TSO4)))
            .as("segmentation without checksums")
            .isInstanceOf(KvmException.class)
            .hasMessageContaining("TUNSETOFFLOAD [TSO4]");
      }
      assertThatThrownBy(() -> TapDevice.openWithVirtioHeaders("lockstep0", 3))
          .isInstanceOf(KvmException.class)
          .hasMessageContaining("TUNSETVNETHDRSZ to 3");
    });
  }

  @Test
  void anInterfaceGoesUpAndDown() throws Exception {
    inOwnNetwork(() -> {
      try (Arena arena = Arena.ofConfined();
          TapDevice tap = TapDevice.open("lockstep0")) {
        assertThat(tap.isUp()).isFalse();
        MemorySegment frame = arena.allocate(64);
        assertThat(tap.write(frame, 64)).as("a frame while down").isEqualTo(-Errno.EIO);
        tap.up();
        assertThat(tap.isUp()).isTrue();
        assertThat(tap.write(frame, 64)).isEqualTo(64);
        assertThat(tap.write(frame, 5)).as("less than its header").isEqualTo(-Errno.EINVAL);
        tap.setMtu(9000);
        assertThat(tap.mtu()).isEqualTo(9000);
        assertThatThrownBy(() -> tap.setMtu(5))
            .isInstanceOf(KvmException.class)
            .hasMessageContaining("SIOCSIFMTU to 5 of lockstep0");
        tap.down();
        assertThat(tap.isUp()).isFalse();
      }
      TapDevice closed = TapDevice.open("lockstep0");
      closed.close();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment frame = arena.allocate(64);
        assertThatThrownBy(() -> closed.read(frame))
            .isInstanceOf(KvmException.class)
            .hasMessageContaining("EBADF");
      }
      assertThatThrownBy(() -> TapDevice.open("lo"))
          .isInstanceOfSatisfying(
              KvmException.class, e -> assertThat(e.advice()).contains("another kind"));
    });
  }

  @Test
  void anInterfaceThatIsToStayStays() throws Exception {
    inOwnNetwork(() -> {
      byte[] address;
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        assertThat(tap.isPersistent()).isFalse();
        tap.setPersistent(true);
        assertThat(tap.isPersistent()).isTrue();
        address = tap.hardwareAddress();
      }
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        assertThat(tap.isPersistent()).isTrue();
        assertThat(tap.hardwareAddress()).as("the same").isEqualTo(address);
        tap.setPersistent(false);
      }
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        assertThat(tap.hardwareAddress()).as("another").isNotEqualTo(address);
      }
    });
  }

  @Test
  void aDeviceInUseIsRefusedByName() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        assertThatThrownBy(() -> TapDevice.open(tap.name()))
            .isInstanceOfSatisfying(
                KvmException.class,
                e -> {
                  assertThat(e).hasMessageContaining("TUNSETIFF of lockstep0");
                  assertThat(e.errno()).isEqualTo(Errno.EBUSY);
                  assertThat(e.advice()).contains("Another process");
                });
      }
    });
  }

  @Test
  void namesThatLinuxDoesNotTakeAreRefused() {
    for (String name : new String[] {"", "a/b", "with blank", "sixteen-letters-", "ümlaut"}) {
      assertThatThrownBy(() -> TapDevice.open(name))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'" + name + "'");
    }
  }

  @Test
  void aUserWithoutTheRightIsToldHowToGetIt() throws Exception {
    if (Files.isWritable(TapDevice.DEVICE)) {
      // Loads every class of the way while they can be read.
      inOwnNetwork(() -> TapDevice.open("lockstep0").close());
    }
    KvmException[] refused = new KvmException[1];
    Unprivileged.run(() -> {
      try {
        TapDevice.open("lockstep0").close();
      } catch (KvmException e) {
        refused[0] = e;
      }
    });
    assertThat(refused[0]).isNotNull();
    if (refused[0].errno() == Errno.EACCES) {
      assertThat(refused[0]).hasMessageContaining("open /dev/net/tun");
      assertThat(refused[0].advice()).contains("/dev/net/tun");
    } else {
      assertThat(refused[0].advice()).containsAnyOf("ip tuntap add dev lockstep0", "modprobe tun");
    }
    assertThat(refused[0].advice()).contains("passt");
  }

  @Test
  void nothingIsLeftOpen() throws Exception {
    inOwnNetwork(() -> {
      try {
        Descriptors.assertNoneLeft(
            "/dev/net/tun",
            () -> {
              try (TapDevice tap = TapDevice.open("lockstep%d")) {
                tap.up();
                assertThatThrownBy(() -> TapDevice.open(tap.name()))
                    .isInstanceOf(KvmException.class);
              }
            });
        int sockets = Descriptors.open("socket:").size();
        try (TapDevice tap = TapDevice.open("lockstep%d")) {
          for (int i = 0; i < 100; i++) {
            tap.mtu();
          }
        }
        assertThat(Descriptors.open("socket:")).hasSize(sockets);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  private static void inOwnNetwork(Runnable code) throws InterruptedException {
    assumeTrue(
        Files.isReadable(TapDevice.DEVICE) && Files.isWritable(TapDevice.DEVICE),
        "no /dev/net/tun for this user: tap devices are not tested");
    assumeTrue(
        Unprivileged.runInOwnNetwork(code),
        "this user may not make a network namespace: tap devices are not tested");
  }

  /** Asks the host, which has an address at the interface, for the Ethernet address that goes with it (RFC 826). */
  private static void exchangeArp(TapDevice tap, int header) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = InterfaceCalls.request(arena, tap.name());
      address.set(JAVA_BYTE, InterfaceCalls.VALUE_OFFSET, (byte) NetAbi.AF_INET);
      for (int i = 0; i < 4; i++) {
        address.set(JAVA_BYTE, InterfaceCalls.VALUE_OFFSET + 4 + i, (byte) HOST[i]);
      }
      InterfaceCalls.control("SIOCSIFADDR", SIOCSIFADDR, address, "");
      tap.up();
      byte[] guest = {0x52, 0x54, 0, 0, 0, 1};
      ByteBuffer request = ByteBuffer.allocate(ARP_BYTES);
      request.put(new byte[] {-1, -1, -1, -1, -1, -1}).put(guest).putShort((short) 0x0806);
      request.putShort((short) 1).putShort((short) 0x0800).put((byte) 6).put((byte) 4);
      request.putShort((short) 1).put(guest);
      put(request, GUEST);
      request.put(new byte[6]);
      put(request, HOST);
      MemorySegment out = arena.allocate(header + ARP_BYTES);
      MemorySegment.copy(request.array(), 0, out, JAVA_BYTE, header, ARP_BYTES);
      assertThat(tap.write(out, header + ARP_BYTES)).isEqualTo(header + ARP_BYTES);

      MemorySegment in = arena.allocate(header + 2000);
      // The host also says things of its own, for IPv6.
      ByteBuffer answer;
      do {
        int bytes = tap.read(in);
        while (bytes == -Errno.EAGAIN) {
          assertThat(tap.await(10_000)).as("a frame from the host").isEqualTo(1);
          bytes = tap.read(in);
        }
        assertThat(bytes).isGreaterThanOrEqualTo(header + 14);
        answer = ByteBuffer.wrap(in.asSlice(header, bytes - header).toArray(JAVA_BYTE));
      } while (answer.getShort(12) != 0x0806 || answer.getShort(20) != 2);
      byte[] to = new byte[6];
      answer.get(0, to);
      assertThat(to).isEqualTo(guest);
      byte[] sender = new byte[6];
      answer.get(22, sender);
      assertThat(sender).isEqualTo(tap.hardwareAddress());
      assertThat(answer.getInt(28)).isEqualTo(192 << 24 | 2 << 8 | 1);
    }
  }

  private static void put(ByteBuffer into, int[] address) {
    for (int octet : address) {
      into.put((byte) octet);
    }
  }
}
