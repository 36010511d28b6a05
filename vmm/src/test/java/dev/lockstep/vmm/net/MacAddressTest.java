package dev.lockstep.vmm.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class MacAddressTest {
  @Test
  void octetsAreInTheOrderInWhichTheyAreSent() {
    MacAddress address = MacAddress.parse("52:54:00:aB:cD:0e");
    assertThat(address.bits()).isEqualTo(0x525400abcd0eL);
    assertThat(address.octet(0)).isEqualTo(0x52);
    assertThat(address.octet(3)).isEqualTo(0xab);
    assertThat(address.octet(5)).isEqualTo(0x0e);
    assertThat(address).hasToString("52:54:00:ab:cd:0e");
    assertThat(MacAddress.parse(address.toString())).isEqualTo(address);
  }

  @Test
  void aVmHasTheSameAddressOnEveryHost() {
    MacAddress web = MacAddress.ofName("web");
    assertThat(web).isEqualTo(MacAddress.ofName("web")).isNotEqualTo(MacAddress.ofName("db"));
    assertThat(web.toString()).startsWith("52:54:00:");
    // Of another release, too: the first three octets of SHA-256 of the name.
    assertThat(web).hasToString("52:54:00:4b:5e:57");
  }

  @Test
  void whatIsNoInterfacesAddressIsRefused() {
    for (String text :
        new String[] {
          "",
          "52:54:00:12:34",
          "52:54:00:12:34:56:78",
          "52-54-00-12-34-56",
          "g2:54:00:12:34:56",
          "52:54:0:12:34:56",
          " 52:54:00:12:34:56",
          "52:54:00:12:34:56\n"
        }) {
      assertThatThrownBy(() -> MacAddress.parse(text))
          .as("'%s'", text)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("six octets");
    }
    for (String group :
        new String[] {"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"}) {
      assertThatThrownBy(() -> MacAddress.parse(group))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("no interface's address");
    }
    assertThatThrownBy(() -> new MacAddress(1L << 48)).isInstanceOf(IllegalArgumentException.class);
  }
}
