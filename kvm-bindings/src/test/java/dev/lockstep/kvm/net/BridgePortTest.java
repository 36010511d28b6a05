package dev.lockstep.kvm.net;

import static java.lang.foreign.ValueLayout.JAVA_INT;
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
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tap devices in bridges of the host's own kernel, in a network namespace of the test's own. */
@Timeout(30)
final class BridgePortTest {
  private static final int SIOCBRADDBR = 0x89a0;
  private static final int SIOCBRDELIF = 0x89a3;

  @Test
  void numbersAreC() throws Exception {
    Map<String, Long> expected = new LinkedHashMap<>();
    expected.put("NETLINK_ROUTE", (long) RouteAbi.NETLINK_ROUTE);
    expected.put("NLM_F_REQUEST", (long) RouteAbi.NLM_F_REQUEST);
    expected.put("NLMSG_ERROR", (long) RouteAbi.NLMSG_ERROR);
    expected.put("NLMSG_ALIGNTO", (long) RouteAbi.NLMSG_ALIGNTO);
    expected.put("NLA_TYPE_MASK & 0xffff", (long) RouteAbi.NLA_TYPE_MASK);
    expected.put("RTM_NEWLINK", (long) RouteAbi.RTM_NEWLINK);
    expected.put("RTM_GETLINK", (long) RouteAbi.RTM_GETLINK);
    expected.put("IFLA_IFNAME", (long) RouteAbi.IFLA_IFNAME);
    expected.put("IFLA_MASTER", (long) RouteAbi.IFLA_MASTER);
    expected.put("IFLA_LINKINFO", (long) RouteAbi.IFLA_LINKINFO);
    expected.put("IFLA_INFO_KIND", (long) RouteAbi.IFLA_INFO_KIND);
    expected.put("sizeof(struct nlmsghdr)", (long) RouteAbi.HEADER_BYTES);
    expected.put("offsetof(struct nlmsghdr, nlmsg_type)", 4L);
    expected.put("offsetof(struct nlmsghdr, nlmsg_seq)", 8L);
    expected.put("sizeof(struct ifinfomsg)", (long) RouteAbi.LINK_BYTES);
    expected.put("offsetof(struct ifinfomsg, ifi_index)", 4L);
    expected.put("sizeof(struct nlattr)", (long) RouteAbi.ATTRIBUTE_BYTES);
    expected.put("offsetof(struct nlattr, nla_type)", 2L);
    expected.put("offsetof(struct ifreq, ifr_ifindex)", (long) InterfaceCalls.VALUE_OFFSET);
    expected.put("SIOCBRADDBR", (long) SIOCBRADDBR);
    expected.put("SIOCBRDELIF", (long) SIOCBRDELIF);
    assertThat(CProbe.evaluate(expected.keySet(), false)).containsExactlyEntriesOf(expected);
  }

  @Test
  void aPortKnowsItsBridge() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep0");
          TapDevice other = TapDevice.open("lockstep1")) {
        assertThat(tap.bridge()).isEmpty();
        addBridge("br-one");
        addBridge("br-two");
        assertThat(tap.bridge()).isEmpty();
        tap.plugInto("br-one");
        other.plugInto("br-two");
        assertThat(tap.bridge()).hasValue("br-one");
        assertThat(other.bridge()).hasValue("br-two");
        takeOut(tap, "br-one");
        assertThat(tap.bridge()).isEmpty();
        tap.plugInto("br-two");
        assertThat(tap.bridge()).hasValue("br-two");
      }
    });
  }

  @Test
  void whatCannotBePluggedInIsRefusedWithAdvice() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep0");
          TapDevice other = TapDevice.open("lockstep1")) {
        refused(() -> tap.plugInto("br-none"), Errno.ENODEV);
        refused(() -> tap.plugInto(other.name()), Errno.EOPNOTSUPP);
        addBridge("br-one");
        addBridge("br-two");
        tap.plugInto("br-one");
        refused(() -> tap.plugInto("br-two"), Errno.EBUSY);
        assertThat(tap.bridge()).hasValue("br-one");
        assertThatThrownBy(() -> tap.plugInto("a/b")).isInstanceOf(IllegalArgumentException.class);
      }
    });
  }

  @Test
  void aUserWithoutTheRightMayLookAndNotPlugIn() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        addBridge("br-one");
        // Loads every class of the way while they can be read.
        refused(() -> tap.plugInto("br-none"), Errno.ENODEV);
        assertThat(tap.bridge()).isEmpty();
        KvmException[] thrown = new KvmException[1];
        Unprivileged.run(() -> {
          tap.bridge();
          try {
            tap.plugInto("br-one");
          } catch (KvmException e) {
            thrown[0] = e;
          }
        });
        assertThat(thrown[0]).isNotNull();
        assertThat(thrown[0].errno()).isEqualTo(Errno.EPERM);
        assertThat(thrown[0].advice()).contains("ip link set lockstep0 master br-one");
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    });
  }

  @Test
  void anInterfaceThatIsNotThereIsToldByName() throws Exception {
    inOwnNetwork(() -> {
      try (RouteSocket routes = RouteSocket.open()) {
        refused(() -> routes.link(4711), Errno.ENODEV);
        assertThat(routes.link(1)).isEqualTo(new LinkState("lo", 0, ""));
        // Nothing of an answer before is taken for the next.
        refused(() -> routes.link(4712), Errno.ENODEV);
      }
      TapDevice closed = TapDevice.open("lockstep0");
      closed.close();
      try (TapDevice namesake = TapDevice.open("lockstep0")) {
        refused(closed::bridge, Errno.ENODEV);
        assertThat(namesake.bridge()).isEmpty();
      }
    });
  }

  @Test
  void nothingIsLeftOpen() throws Exception {
    inOwnNetwork(() -> {
      try (TapDevice tap = TapDevice.open("lockstep0")) {
        addBridge("br-one");
        tap.plugInto("br-one");
        int sockets = Descriptors.open("socket:").size();
        for (int i = 0; i < 100; i++) {
          assertThat(tap.bridge()).hasValue("br-one");
          refused(() -> tap.plugInto("br-one"), Errno.EBUSY);
        }
        assertThat(Descriptors.open("socket:")).hasSize(sockets);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  private static void refused(Runnable call, int errno) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            KvmException.class,
            e -> {
              assertThat(e.errno()).as("%s", e).isEqualTo(errno);
              assertThat(e.advice()).isNotBlank();
            });
  }

  private static void addBridge(String name) {
    try (Arena arena = Arena.ofConfined()) {
      InterfaceCalls.control("SIOCBRADDBR", SIOCBRADDBR, InterfaceCalls.request(arena, name), "");
    }
  }

  private static void takeOut(TapDevice tap, String bridge) {
    try (Arena arena = Arena.ofConfined()) {
      var asked = InterfaceCalls.request(arena, tap.name());
      InterfaceCalls.control("SIOCGIFINDEX", NetAbi.SIOCGIFINDEX, asked, "");
      var request = InterfaceCalls.request(arena, bridge);
      int index = asked.get(JAVA_INT, InterfaceCalls.VALUE_OFFSET);
      request.set(JAVA_INT, InterfaceCalls.VALUE_OFFSET, index);
      InterfaceCalls.control("SIOCBRDELIF", SIOCBRDELIF, request, "");
    }
  }

  private static void inOwnNetwork(Runnable code) throws InterruptedException {
    assumeTrue(
        Files.isReadable(TapDevice.DEVICE) && Files.isWritable(TapDevice.DEVICE),
        "no /dev/net/tun for this user: tap devices are not tested");
    assumeTrue(
        Unprivileged.runInOwnNetwork(code),
        "this user may not make a network namespace: tap devices are not tested");
  }
}
