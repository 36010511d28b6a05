package dev.lockstep.kvm.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Answers to RTM_GETLINK, good and bad, that are made here as rtnetlink(7) says. */
final class LinkStateTest {
  private static final int SEQUENCE = 7;
  private static final int INDEX = 5;

  /** Of the kernel's, here one that is passed over. */
  private static final int IFLA_MTU = 4;

  private static final int IFLA_INFO_SLAVE_KIND = 4;
  private static final int NLA_F_NESTED = 1 << 15;

  private static ByteBuffer buffer() {
    return ByteBuffer.allocate(4096).order(ByteOrder.nativeOrder());
  }

  private static byte[] attribute(int type, byte[] value) {
    ByteBuffer out = buffer();
    out.putShort((short) (RouteAbi.ATTRIBUTE_BYTES + value.length)).putShort((short) type);
    out.put(value);
    while (out.position() % RouteAbi.NLMSG_ALIGNTO != 0) {
      out.put((byte) 0);
    }
    return Arrays.copyOf(out.array(), out.position());
  }

  private static byte[] string(int type, String value) {
    return attribute(type, (value + '\0').getBytes(StandardCharsets.ISO_8859_1));
  }

  private static byte[] number(int type, int value) {
    return attribute(type, word(value));
  }

  private static byte[] word(int value) {
    return Arrays.copyOf(buffer().putInt(value).array(), Integer.BYTES);
  }

  private static byte[] message(int type, byte[]... parts) {
    ByteBuffer out = buffer();
    out.putInt(0).putShort((short) type).putShort((short) 0).putInt(SEQUENCE).putInt(4711);
    for (byte[] part : parts) {
      out.put(part);
    }
    out.putInt(0, out.position());
    return Arrays.copyOf(out.array(), out.position());
  }

  private static byte[] link(byte[]... attributes) {
    byte[][] parts = new byte[attributes.length + 1][];
    ByteBuffer fixed = ByteBuffer.allocate(RouteAbi.LINK_BYTES).order(ByteOrder.nativeOrder());
    parts[0] = fixed.putInt(1 << 16).putInt(INDEX).array();
    System.arraycopy(attributes, 0, parts, 1, attributes.length);
    return message(RouteAbi.RTM_NEWLINK, parts);
  }

  private static byte[] port() {
    byte[] kind = string(RouteAbi.IFLA_INFO_KIND, "tun");
    byte[] slave = string(IFLA_INFO_SLAVE_KIND, "bridge");
    byte[] info = Arrays.copyOf(kind, kind.length + slave.length);
    System.arraycopy(slave, 0, info, kind.length, slave.length);
    return link(
        string(RouteAbi.IFLA_IFNAME, "guest0"),
        number(IFLA_MTU, 1500),
        number(RouteAbi.IFLA_MASTER, 3),
        attribute(RouteAbi.IFLA_LINKINFO | NLA_F_NESTED, info));
  }

  private static LinkState parse(byte[] answer) {
    return LinkState.parse(ByteBuffer.wrap(answer), SEQUENCE, INDEX);
  }

  private static void refused(byte[] answer, int errno) {
    assertThatThrownBy(() -> parse(answer))
        .isInstanceOfSatisfying(
            KvmException.class, e -> assertThat(e.errno()).as("%s", e).isEqualTo(errno));
  }

  @Test
  void whatCountsIsRead() {
    assertThat(parse(port())).isEqualTo(new LinkState("guest0", 3, "tun"));
    assertThat(parse(link(string(RouteAbi.IFLA_IFNAME, "eth0"))))
        .isEqualTo(new LinkState("eth0", 0, ""));
    byte[] bridge =
        link(
            attribute(RouteAbi.IFLA_LINKINFO, string(RouteAbi.IFLA_INFO_KIND, "bridge")),
            string(RouteAbi.IFLA_IFNAME, "br-0123456789ab"));
    assertThat(parse(bridge).isBridge()).isTrue();
    assertThat(parse(port()).isBridge()).isFalse();
  }

  @Test
  void theKernelsErrorIsKept() {
    refused(message(RouteAbi.NLMSG_ERROR, word(-Errno.ENODEV), new byte[16]), Errno.ENODEV);
    refused(message(RouteAbi.NLMSG_ERROR, word(0), new byte[16]), Errno.EBADMSG);
    refused(message(RouteAbi.NLMSG_ERROR, word(19), new byte[16]), Errno.EBADMSG);
    refused(message(RouteAbi.NLMSG_ERROR), Errno.EBADMSG);
  }

  @Test
  void whatIsNoAnswerToTheQuestionIsRefused() {
    assertThatThrownBy(() -> LinkState.parse(ByteBuffer.wrap(port()), SEQUENCE + 1, INDEX))
        .isInstanceOf(KvmException.class);
    assertThatThrownBy(() -> LinkState.parse(ByteBuffer.wrap(port()), SEQUENCE, INDEX + 1))
        .isInstanceOf(KvmException.class);
    refused(message(RouteAbi.RTM_NEWLINK + 1, new byte[16]), Errno.EBADMSG);
    refused(link(), Errno.EBADMSG);
    byte[] two = Arrays.copyOf(port(), 2 * port().length);
    refused(two, Errno.EBADMSG);
    for (String name :
        new String[] {"", "a/b", "sixteen-letters-", "with blank", "a\0b", "\u00fc"}) {
      refused(link(string(RouteAbi.IFLA_IFNAME, name)), Errno.EBADMSG);
    }
    byte[] name = string(RouteAbi.IFLA_IFNAME, "guest0");
    refused(link(name, number(RouteAbi.IFLA_MASTER, 0)), Errno.EBADMSG);
    refused(link(name, number(RouteAbi.IFLA_MASTER, -3)), Errno.EBADMSG);
    refused(link(name, attribute(RouteAbi.IFLA_MASTER, new byte[8])), Errno.EBADMSG);
    refused(link(name, attribute(RouteAbi.IFLA_LINKINFO, new byte[3])), Errno.EBADMSG);
    refused(link(attribute(RouteAbi.IFLA_IFNAME, new byte[] {'a'})), Errno.EBADMSG);
    String longest = "k".repeat(64);
    refused(
        link(name, attribute(RouteAbi.IFLA_LINKINFO, string(RouteAbi.IFLA_INFO_KIND, longest))),
        Errno.EBADMSG);
  }

  @Test
  void aCutAnswerIsRefusedWhereverItIsCut() {
    byte[] whole = port();
    for (int length = 0; length < whole.length; length++) {
      refused(Arrays.copyOf(whole, length), Errno.EBADMSG);
    }
  }

  @Test
  void noAnswerThrowsAnythingElse() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("LinkStateTest: seed " + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 100_000; i++) {
      byte[] answer = port();
      for (int change = 1 + random.nextInt(3); change > 0; change--) {
        answer[random.nextInt(answer.length)] = (byte) random.nextInt();
      }
      try {
        assertThat(parse(answer).name()).isNotEmpty();
      } catch (KvmException e) {
        assertThat(e.errno()).isPositive();
      }
    }
  }
}
