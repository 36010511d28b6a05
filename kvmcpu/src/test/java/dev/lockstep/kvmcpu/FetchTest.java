package dev.lockstep.kvmcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is said to be fetched without a fault is: a processor that is stepped into one would run the handler on. */
final class FetchTest {
  private static final int CASES = 4_000;
  private static final int MAX_BYTES = 15;
  private static final int NOP = 0x90;
  private static final long NX = 1L << 63, USER = 1 << 2, PRESENT = 1, LARGE = 1 << 7;
  private static final long NXE = 1 << 11;
  private static final long PAGE = BareGuest.CODE;

  @Test
  void isWhatTheSoftwareCpuFetches() {
    long seed = Long.getLong("lockstep.seed", 20_261_126);
    Random random = new Random(seed);
    int fetched = 0;
    for (int i = 0; i < CASES; i++) {
      try (BareGuest guest = new BareGuest();
          Vcpu soft =
              SoftVcpu.create(
                  CpuModel.LOCKSTEP_V1,
                  guest.memory(),
                  count -> 0,
                  BranchSemantics.ALL_TRANSFERS)) {
        byte[] code = new byte[2 * 4096];
        Arrays.fill(code, (byte) NOP);
        guest.load(PAGE, code);
        long rip = PAGE + (random.nextBoolean() ? 0x800 : 4096 - 8);
        CpuState state = random.nextBoolean() ? guest.user64(rip) : guest.kernel64(rip);
        boolean user = (state.segments[CpuState.CS].selector & 3) == 3;
        state.efer |= random.nextInt(3) > 0 ? NXE : 0;
        damage(guest, random);
        int length = new LinearView(state, guest.memory()).fetch(rip, new byte[MAX_BYTES], user);
        soft.setState(state);
        soft.step();
        CpuState after = new CpuState();
        soft.getState(after);
        boolean executed = after.rip == rip + 1 && after.pendingException < 0;
        String what = "case %d of seed %d: %d bytes at %#x".formatted(i, seed, length, rip);
        if (length > 0) {
          assertThat(executed).as(what).isTrue();
          fetched++;
        } else {
          assertThat(executed).as(what).isFalse();
        }
      }
    }
    assertThat(fetched).isBetween(CASES / 10, CASES * 9 / 10);
  }

  /** Changes bits of some entries on the way to the two pages. */
  private static void damage(BareGuest guest, Random random) {
    long[] entries = {
      BareGuest.TABLES,
      guest.memory().read64(BareGuest.TABLES) & -4096,
      guest.memory().read64(guest.memory().read64(BareGuest.TABLES) & -4096) & -4096,
      guest.entry(PAGE),
      guest.entry(PAGE + 4096)
    };
    for (int i = random.nextInt(3); i > 0; i--) {
      int which = random.nextInt(entries.length);
      // Above the last level bit 7 would make it another kind of page; in the last it is PAT.
      long bit =
          switch (random.nextInt(4)) {
            case 0 -> NX;
            case 1 -> PRESENT;
            case 2 -> which < 3 ? USER : LARGE;
            default -> USER;
          };
      guest.memory().write64(entries[which], guest.memory().read64(entries[which]) ^ bit);
    }
  }
}
