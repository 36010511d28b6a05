package dev.lockstep.ft.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.proto.Identity;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes of a peer are an identity, which comes back when it is sent again, and which is compared with ours without harm, or are refused as {@link WireException}, or by protobuf as its own. */
class IdentityCodecFuzzTest {
  private static final PeerIdentity MINE =
      new PeerIdentity(
          1,
          "0.1",
          "vm",
          new ReplicaInstance("a", -1),
          new TreeMap<>(Map.of("memory_mib", "512", "kernel", "a")));

  static Stream<byte[]> seeds() {
    return Stream.of(IdentityCodec.encode(MINE).toByteArray());
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void anIdentityOrRefused(byte[] data) throws IOException {
    PeerIdentity identity;
    try {
      identity = IdentityCodec.decode(Identity.parseFrom(data));
    } catch (WireException | InvalidProtocolBufferException e) {
      return;
    }
    byte[] again = IdentityCodec.encode(identity).toByteArray();
    assertThat(IdentityCodec.decode(Identity.parseFrom(again))).isEqualTo(identity);
    assertThat(identity.refusalOf(identity)).isNull();
    assertThat(MINE.refusalOf(identity) == null).isEqualTo(identity.refusalOf(MINE) == null);
  }
}
