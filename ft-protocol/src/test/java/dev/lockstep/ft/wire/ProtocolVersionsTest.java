package dev.lockstep.ft.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.wire.proto.Identity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which version two replicas speak. */
class ProtocolVersionsTest {
  @ParameterizedTest
  @CsvSource({
    "1, 2, 1, 2, 2",
    "1, 2, 2, 3, 2",
    "2, 3, 1, 2, 2",
    "2, 2, 1, 3, 2",
    "1, 4, 2, 3, 3",
    "1, 1, 2, 3, 0",
    "3, 4, 1, 2, 0"
  })
  void aPairSpeaksTheHighestThatBothDo(int low, int high, int otherLow, int otherHigh, int common) {
    ProtocolVersions one = new ProtocolVersions(low, high);
    ProtocolVersions other = new ProtocolVersions(otherLow, otherHigh);
    assertThat(one.common(other)).isEqualTo(common).isEqualTo(other.common(one));
    Refusal refusal = identity("a", one).refusalOf(identity("b", other));
    assertThat(refusal == null).isEqualTo(common != ProtocolVersions.NONE);
  }

  @Test
  void aReleaseThatIsTooOldIsToldWhatToDo() {
    Refusal refusal =
        identity("new", new ProtocolVersions(2, 3))
            .refusalOf(identity("old", ProtocolVersions.only(1)));
    assertThat(refusal)
        .isNotNull()
        .satisfies(it -> assertThat(it.getReason()).isEqualTo(Refusal.Reason.INCOMPATIBLE_VERSION))
        .satisfies(it ->
            assertThat(it.getDetail())
                .contains("old speaks version 1 of the protocol", "new speaks versions 2 to 3")
                .contains("upgrade old, one release after the other, to one that speaks version 2")
                .contains("stop the VM and start it with the same release on both sides"));
  }

  /** What the release before sends does not say a lowest version, and it does not read ours. */
  @Test
  void aReleaseThatKnowsOfOneVersionOnlyIsUnderstood() throws Exception {
    Identity sent =
        IdentityCodec.encode(identity("old", ProtocolVersions.only(2))).toBuilder()
            .clearLowestProtocolVersion()
            .build();
    PeerIdentity old = IdentityCodec.decode(sent);
    assertThat(old.versions()).isEqualTo(ProtocolVersions.only(2));
    assertThat(identity("new", new ProtocolVersions(2, 3)).refusalOf(old)).isNull();
    assertThat(ProtocolVersions.SPOKEN.common(old.versions())).isEqualTo(2);
  }

  @Test
  void versionsThatNobodySpeaksAreRefused() {
    Identity.Builder sent =
        IdentityCodec.encode(identity("a", ProtocolVersions.only(2))).toBuilder();
    for (int[] versions : new int[][] {{0, 0}, {-1, 0}, {2, 3}, {2, -1}}) {
      sent.setProtocolVersion(versions[0]).setLowestProtocolVersion(versions[1]);
      assertThatThrownBy(() -> IdentityCodec.decode(sent.build()))
          .isInstanceOf(WireException.class);
    }
  }

  private static PeerIdentity identity(String name, ProtocolVersions versions) {
    return new PeerIdentity(versions, "0.1", "vm", new ReplicaInstance(name, 1), new TreeMap<>());
  }
}
