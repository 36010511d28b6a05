package dev.lockstep.ft.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class EtcdAddressTest {
  @Test
  void endpointsAndPrefixAreRead() {
    assertThat(EtcdAddress.parse("etcd://a.example:2379,10.0.0.2,[::1]:4001/site/one"))
        .isEqualTo(
            new EtcdAddress(List.of("a.example:2379", "10.0.0.2:2379", "[::1]:4001"), "site/one"));
    assertThat(EtcdAddress.parse("etcd://a:1/")).hasToString("etcd://a:1/lockstep");
    assertThat(EtcdAddress.isMeant("etcd:/a")).isTrue();
    assertThat(EtcdAddress.isMeant("/etcd/arbiter")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "etcd:/a:1 | does not begin with etcd://",
        "etcd:// | '' is no host:port",
        "etcd://a:1,,b:1 | '' is no host:port",
        "etcd://a b:1 | 'a b:1' is no host:port",
        "etcd://a:99999 | no port 99999",
        "etcd://a:0 | no port 0",
        "etcd://a:1/x//y | the prefix 'x//y'",
        "etcd://a:1/x y | the prefix 'x y'",
        "etcd://me:secret@a:1 | has a user in it",
        "etcd://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a | more than 16",
      })
  void whatIsWrongIsSaid(String text, String says) {
    assertThatThrownBy(() -> EtcdAddress.parse(text))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining(says)
        .message()
        .doesNotContain("secret");
  }
}
