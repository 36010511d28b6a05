package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Programs of a few instructions in ring 3, whose #GP is stopped at the handler's first instruction. */
final class UserCounterTest {
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RSP = 4;
  private static final long STACK = BareGuest.CODE + 0x8000;
  private static final long TIME = 0x1234_5678_9abc_def0L;
  private static final int MAX_STEPS = 100;

  private final BareGuest guest = new BareGuest();
  private final Vcpu vcpu =
      SoftVcpu.create(
          CpuModel.LOCKSTEP_V1_TSC,
          guest.memory(),
          count -> {
            throw new AssertionError("the engine's own counter was read");
          },
          BranchSemantics.ALL_TRANSFERS);
  private final CpuState state = new CpuState();

  @AfterEach
  void close() {
    vcpu.close();
    guest.close();
  }

  /** Starts a program and runs it up to the #GP handler. */
  private void toHandler(CpuState start, String hex) {
    guest.load(BareGuest.CODE, HexFormat.of().parseHex(hex.replace(" ", "")));
    start.gpr[RSP] = STACK;
    start.gpr[RAX] = -1;
    start.gpr[RDX] = -1;
    assertThat(UserCounter.hold(start)).isTrue();
    assertThat(UserCounter.hold(start)).isFalse();
    vcpu.setState(start);
    runTo(UserCounter.handler(start, guest.memory()));
  }

  private void runTo(long rip) {
    for (int i = 0; i < MAX_STEPS; i++) {
      vcpu.getState(state);
      if (state.rip == rip) {
        return;
      }
      vcpu.step();
    }
    throw new AssertionError("never at %#x, now at %#x".formatted(rip, state.rip));
  }

  private UserCounter.Outcome emulate() {
    vcpu.getState(state);
    UserCounter.Outcome outcome = UserCounter.emulate(state, guest.memory(), true, TIME);
    if (outcome != UserCounter.Outcome.NOT_OURS) {
      vcpu.setState(state);
    }
    return outcome;
  }

  @Test
  void theHandlerIsFoundInTheTable() {
    assertThat(UserCounter.handler(guest.user64(BareGuest.CODE), guest.memory()))
        .isEqualTo(BareGuest.handler(13));
    assertThat(UserCounter.handler(new CpuState(), guest.memory())).isZero();
  }

  @ParameterizedTest
  @CsvSource({"0f31, 2", "480f31, 3", "660f31, 3"})
  void aProgramReadsVirtualTime(String rdtsc, int length) {
    CpuState start = guest.user64(BareGuest.CODE);
    long flags = start.rflags;
    // rdtsc; inc rcx; hlt
    toHandler(start, rdtsc + "48ffc1 f4");
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.READ);
    vcpu.getState(state);
    assertThat(state.rip).isEqualTo(BareGuest.CODE + length);
    assertThat(state.gpr[RAX]).isEqualTo(TIME & 0xffff_ffffL);
    assertThat(state.gpr[RDX]).isEqualTo(TIME >>> 32);
    assertThat(state.gpr[RSP]).isEqualTo(STACK);
    assertThat(state.rflags).isEqualTo(flags);
    assertThat(state.segments[CpuState.CS]).hasToString(start.segments[CpuState.CS].toString());
    assertThat(state.segments[CpuState.SS]).hasToString(start.segments[CpuState.SS].toString());
    // It goes on in ring 3: INC executes, HLT is the program's own #GP.
    runTo(BareGuest.handler(13));
    assertThat(state.gpr[RCX]).isEqualTo(start.gpr[RCX] + 1);
    CpuState before = new CpuState();
    before.set(state);
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.NOT_OURS);
    vcpu.getState(state);
    assertThat(state.digest()).isEqualTo(before.digest());
  }

  @Test
  void compatibilityModeReadsItToo() {
    CpuState start = guest.user32(BareGuest.CODE);
    toHandler(start, "0f31 41 f4");
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.READ);
    vcpu.getState(state);
    assertThat(state.rip).isEqualTo(BareGuest.CODE + 2);
    assertThat(state.segments[CpuState.CS]).hasToString(start.segments[CpuState.CS].toString());
    runTo(BareGuest.handler(13));
    assertThat((int) state.gpr[RCX]).isEqualTo((int) start.gpr[RCX] + 1);
  }

  @Test
  void aProgramThatIsSteppedGetsItsTrap() {
    CpuState start = guest.user64(BareGuest.CODE);
    start.rflags |= 1 << 8;
    toHandler(start, "0f31 90 f4");
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.READ);
    runTo(BareGuest.handler(1));
    assertThat(guest.memory().read64(state.gpr[RSP])).isEqualTo(BareGuest.CODE + 2);
  }

  /** The software CPU itself refuses RDTSCP by #UD; where hardware has it, TSD makes #GP of it first. */
  @Test
  void whatTheModelDoesNotHaveIsRefused() {
    toHandler(guest.user64(BareGuest.CODE), "f4");
    guest.load(BareGuest.CODE, HexFormat.of().parseHex("0f01f9"));
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.REFUSED);
    runTo(BareGuest.handler(6));
    assertThat(guest.memory().read64(state.gpr[RSP])).isEqualTo(BareGuest.CODE);
  }

  @Test
  void aModelWithoutCounterRefusesIt() {
    toHandler(guest.user64(BareGuest.CODE), "0f31");
    vcpu.getState(state);
    assertThat(UserCounter.emulate(state, guest.memory(), false, TIME))
        .isEqualTo(UserCounter.Outcome.REFUSED);
    vcpu.setState(state);
    runTo(BareGuest.handler(6));
    assertThat(guest.memory().read64(state.gpr[RSP])).isEqualTo(BareGuest.CODE);
  }

  @Test
  void theKernelsOwnFaultsAreNotOurs() {
    // RDTSC in ring 0 does not fault: a frame that says so was made by somebody else.
    toHandler(guest.user64(BareGuest.CODE), "0f31");
    guest.memory().write64(state.gpr[RSP] + 16, BareGuest.KERNEL_CODE);
    assertThat(emulate()).isEqualTo(UserCounter.Outcome.NOT_OURS);
  }
}
