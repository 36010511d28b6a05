package dev.lockstep.vmm.net.host;

import static dev.lockstep.vmm.net.host.OwnNetwork.addBridge;
import static dev.lockstep.vmm.net.host.OwnNetwork.inOwnNetwork;
import static dev.lockstep.vmm.net.host.OwnNetwork.ip;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.kvm.Unprivileged;
import dev.lockstep.kvm.net.TapDevice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where tap devices of the kernel's own go when they come back; what is remembered is asked for by hand, so that nothing waits. */
@Timeout(60)
class TapPlaceTest {
  private static final String NAME = "lockstep0";
  private static final String BACK = "the tap device lockstep0 is in bridge br0 again";

  private final List<String> notes = new ArrayList<>();
  private final TapPlace place = new TapPlace(notes::add);

  /** One that is deleted as soon as it is in its bridge, and the place has seen it there. */
  private void seenInBridgeAndDeleted() throws Exception {
    try (TapDevice tap = TapDevice.open(NAME)) {
      place.opened(tap);
      ip("link set " + NAME + " master br0");
      place.look(tap);
      ip("link del " + NAME);
      place.look(tap);
    }
  }

  @Test
  void whatIsPluggedInLaterIsRemembered() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      seenInBridgeAndDeleted();
      assertThat(notes).isEmpty();
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        assertThat(tap.bridge()).hasValue("br0");
        assertThat(notes).containsExactly(BACK);
      }
    });
  }

  @Test
  void whoeverReadsWatches() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      TapPlace alwaysWatched = new TapPlace(notes::add, 0);
      try (TapBackend tap = TapBackend.open(NAME, false, alwaysWatched)) {
        ip("link set " + NAME + " master br0");
        tap.receive(0, 1 << 12);
      }
      TapBackend.open(NAME, false, alwaysWatched).close();
      assertThat(notes).containsExactly(BACK);
    });
  }

  @Test
  void whatLastedLastsAgain() throws Exception {
    inOwnNetwork(() -> {
      ip("tuntap add dev " + NAME + " mode tap");
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        ip("link del " + NAME);
      }
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
      }
      ip("link show dev " + NAME);
    });
  }

  @Test
  void whatEndedWithItsProcessEndsAgain() throws Exception {
    inOwnNetwork(() -> {
      for (int time = 0; time < 2; time++) {
        try (TapDevice tap = TapDevice.open(NAME)) {
          place.opened(tap);
          assertThat(tap.isPersistent()).isFalse();
        }
      }
    });
  }

  @Test
  void anotherInterfaceOfTheSameNameIsNotTakenForIt() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        ip("link set " + NAME + " master br0");
        place.look(tap);
        ip("link del " + NAME);
        ip("tuntap add dev " + NAME + " mode tap");
        place.look(tap);
      }
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        assertThat(tap.bridge()).hasValue("br0");
      }
    });
  }

  @Test
  void whatWasTakenOutStaysOutside() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        ip("link set " + NAME + " master br0");
        place.look(tap);
        ip("link set " + NAME + " nomaster");
        place.look(tap);
        assertThat(tap.bridge()).isEmpty();
      }
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        assertThat(tap.bridge()).isEmpty();
      }
      assertThat(notes).isEmpty();
    });
  }

  @Test
  void whatSomebodyPutElsewhereStaysThere() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      addBridge("br1");
      seenInBridgeAndDeleted();
      ip("tuntap add dev " + NAME + " mode tap");
      ip("link set " + NAME + " master br1");
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        assertThat(tap.bridge()).hasValue("br1");
        ip("link del " + NAME);
      }
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        assertThat(tap.bridge()).as("the last one it was in").hasValue("br1");
      }
    });
  }

  @Test
  void aBridgeThatIsGoneIsWaitedFor() throws Exception {
    inOwnNetwork(() -> {
      addBridge("br0");
      seenInBridgeAndDeleted();
      ip("link del br0");
      try (TapDevice tap = TapDevice.open(NAME)) {
        place.opened(tap);
        place.look(tap);
        assertThat(notes).hasSize(1);
        assertThat(notes.getFirst())
            .contains("lockstep0 is outside its bridge br0", "ENODEV")
            .endsWith("ip link set lockstep0 master br0.");
        addBridge("br0");
        place.look(tap);
        assertThat(tap.bridge()).hasValue("br0");
        assertThat(notes).hasSize(2).last().isEqualTo(BACK);
      }
    });
  }

  @Test
  void whoMayNotPlugItInSaysWhatToDo() throws Exception {
    // Loads every class of the way while they can be read.
    aBridgeThatIsGoneIsWaitedFor();
    inOwnNetwork(() -> {
      addBridge("br0");
      seenInBridgeAndDeleted();
      notes.clear();
      try (TapDevice tap = TapDevice.open(NAME)) {
        Unprivileged.run(() -> {
          place.opened(tap);
          place.look(tap);
        });
        assertThat(notes).hasSize(1);
        assertThat(notes.getFirst())
            .contains("lockstep0 is outside its bridge br0", "EPERM")
            .endsWith("ip link set lockstep0 master br0.");
        ip("link set " + NAME + " master br0");
        Unprivileged.run(() -> place.look(tap));
        assertThat(notes).hasSize(2).last().isEqualTo(BACK);
      }
    });
  }
}
