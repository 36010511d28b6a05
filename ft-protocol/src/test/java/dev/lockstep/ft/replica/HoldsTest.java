package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.Machine;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A machine that several want to stand still runs on when the last of them lets it, and not before. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class HoldsTest {
  private final Holds holds = new Holds();
  private final Machine machine = new TinySource(Guests.clockwork(8)).create();

  @BeforeEach
  void start() {
    machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
  }

  @AfterEach
  void end() {
    machine.close();
  }

  @Test
  void anOperatorDoesNotFreeAGuestThatIsHandedOver() throws Exception {
    holds.pause(machine, Holds.Holder.OPERATOR).get();
    holds.pause(machine, Holds.Holder.HAND_OVER).get();
    long stands = point();
    holds.resume(machine, Holds.Holder.OPERATOR);
    holds.resume(machine, Holds.Holder.SNAPSHOT);
    assertThat(point()).isEqualTo(stands);
    assertThat(holds.isHeld(machine, Holds.Holder.OPERATOR)).isFalse();
    assertThat(holds.isHeld(machine, Holds.Holder.HAND_OVER)).isTrue();
    holds.resume(machine, Holds.Holder.HAND_OVER);
    await().until(() -> point() > stands);
  }

  @Test
  void whatHeldAnEarlierMachineIsForgotten() throws Exception {
    holds.pause(machine, Holds.Holder.OPERATOR).get();
    try (Machine next = new TinySource(Guests.clockwork(8)).create()) {
      next.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
      holds.pause(next, Holds.Holder.SNAPSHOT).get();
      assertThat(holds.isHeld(machine, Holds.Holder.OPERATOR)).isFalse();
      assertThat(holds.isHeld(next, Holds.Holder.OPERATOR)).isFalse();
    }
    assertThatThrownBy(() -> holds.pause(null, Holds.Holder.OPERATOR).get())
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(VmmException.class);
  }

  /** How far it is; asked at a boundary, so after every order that was given before. */
  private long point() throws Exception {
    return machine.atBoundary(boundary -> boundary.virtualNanos()).get();
  }
}
