package dev.lockstep.ft.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.hosts.Placement.Rejected;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class PlacementTest {
  private static final long MIB = 1 << 20;
  private static final HostedVm PRIMARY = new HostedVm("web", "primary", "protected", 512 * MIB);
  private static final HostedVm BACKUP = new HostedVm("web", "backup", "following", 512 * MIB);
  private static final HostedVm OTHER = new HostedVm("db", "primary", "protected", 512 * MIB);

  @Test
  void theHostWithMostFreeMemoryIsChosen() {
    Placement placement =
        place(host("a", 9_000, PRIMARY), host("b", 2_000), host("c", 3_000, OTHER), host("d", 700));
    assertThat(placement.host()).isEqualTo(host("c", 3_000, OTHER));
    assertThat(placement.neededBytes()).isEqualTo(768 * MIB);
    assertThat(placement.rejected())
        .containsExactlyInAnyOrder(
            new Rejected("a", "runs its primary"),
            new Rejected("d", "has 700 MiB free of the 768 MiB that are needed"),
            new Rejected("b", "has less free memory (2,000 MiB)"));
  }

  @Test
  void thePrimarysOwnHostIsNeverChosenWhateverItHasFree() {
    Placement placement = place(host("a", 90_000, BACKUP, PRIMARY), host("b", 767));
    assertThat(placement.host()).isNull();
    assertThat(placement.rejected())
        .containsExactly(
            new Rejected("a", "runs its primary"),
            new Rejected("b", "has 767 MiB free of the 768 MiB that are needed"));
  }

  @Test
  void aHostWithABackupOfItIsNotChosenAgain() {
    assertThat(place(host("a", 9_000, PRIMARY), host("b", 9_000, BACKUP)).rejected())
        .contains(new Rejected("b", "has a backup of it already"));
  }

  @Test
  void aVmThatNobodyRunsHasNoPlacement() {
    assertThat(
            Placement.of(
                List.of(host("a", 9_000, OTHER), host("b", 9_000, BACKUP)),
                "web",
                OptionalLong.empty()))
        .isEmpty();
  }

  @Test
  void equalHostsAreTakenByName() {
    assertThat(place(host("a", 1, PRIMARY), host("z", 900), host("b", 900)).host())
        .isEqualTo(host("b", 900));
  }

  @Test
  void processesOfOneHostAreOneHost() {
    HostReport one = new HostReport("a", List.of("a:1"), null, 900 * MIB, List.of(PRIMARY));
    HostReport two = new HostReport("a", List.of("a:2"), "a:9", 800 * MIB, List.of(OTHER));
    assertThat(RegisteredHost.of(List.of(one, two)))
        .containsExactly(
            new RegisteredHost(
                "a", List.of("a:1", "a:2"), List.of("a:9"), 800 * MIB, List.of(PRIMARY, OTHER)));
  }

  private static Placement place(RegisteredHost... hosts) {
    return Placement.of(List.of(hosts), "web", OptionalLong.empty()).orElseThrow();
  }

  private static RegisteredHost host(String name, long freeMib, HostedVm... vms) {
    return new RegisteredHost(
        name, List.of(name + ":7070"), List.of(), freeMib * MIB, List.of(vms));
  }
}
