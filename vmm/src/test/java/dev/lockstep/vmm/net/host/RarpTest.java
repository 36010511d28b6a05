package dev.lockstep.vmm.net.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.net.MacAddress;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class RarpTest {
  /** RFC 903: an ARP packet (RFC 826) of type 0x8035, with operation 3, and the asker's own address as source and as target. */
  @Test
  void aReverseRequestToAllAboutOneself() {
    byte[] frame = Rarp.request(MacAddress.parse("52:54:00:12:34:56"));
    assertThat(frame).as("Ethernet's shortest").hasSize(60);
    assertThat(HexFormat.of().formatHex(frame))
        .isEqualTo(
            "ffffffffffff" // to all
                + "525400123456" // from the guest
                + "8035" // RARP
                + "0001" // Ethernet
                + "0800" // IPv4
                + "0604" // octets of both kinds of addresses
                + "0003" // request reverse
                + "525400123456" // source
                + "00000000" // undefined in a request
                + "525400123456" // target: itself
                + "00000000" // undefined in a request
                + "00".repeat(18));
  }
}
