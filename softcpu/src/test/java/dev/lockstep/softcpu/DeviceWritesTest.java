package dev.lockstep.softcpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A device writes guest memory between two runs, as DMA does: code that was decoded, tables that were walked, data that is on a fast path. */
final class DeviceWritesTest {
  private static final long CODE = BareGuest.CODE;
  private static final long DATA = 0x10_0000;
  private static final int RAX = 0;
  private static final int RCX = 1;

  /** ADD EAX, imm8. */
  private static byte[] addEax(int value) {
    return new byte[] {(byte) 0x83, (byte) 0xc0, (byte) value};
  }

  private final BareGuest guest = new BareGuest();
  private final GuestMemory memory = guest.memory();
  private final SoftVcpu cpu =
      SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> count, BranchSemantics.ALL_TRANSFERS);
  private final CpuState state = new CpuState();

  @AfterEach
  void close() {
    cpu.close();
    guest.close();
  }

  /** ADD EAX, 1; NOPs; JMP to the start: five bytes at CODE + 0x80. */
  private void loop() {
    guest.load(CODE + 0x80, addEax(1));
    guest.load(CODE + 0x83, new byte[] {(byte) 0xeb, (byte) -5});
    cpu.setState(guest.kernel64(CODE + 0x80));
  }

  private long rax() {
    cpu.getState(state);
    return state.gpr[RAX];
  }

  @Test
  void codeThatLoopsIsReplacedBetweenTwoRuns() {
    loop();
    assertThat(cpu.run(1000)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    assertThat(rax()).isEqualTo(1000);
    memory.write8(CODE + 0x82, 3);
    assertThat(cpu.run(2000)).isEqualTo(VcpuExit.Deadline.DEADLINE);
    assertThat(rax()).isEqualTo(1000 + 3 * 1000);
  }

  @Test
  void everyWayOfWritingIsSeen() {
    loop();
    long expected = 0;
    long limit = 0;
    for (int way = 0; way < 6; way++) {
      byte[] fresh = addEax(way + 2);
      switch (way) {
        case 0 -> memory.write8(CODE + 0x82, way + 2);
        case 1 -> memory.write16(CODE + 0x81, 0xc0 | way + 2 << 8);
        case 2 -> memory.write32(CODE + 0x7f, 0xc083_00 | way + 2 << 24);
        case 3 ->
            memory.write64(
                CODE + 0x7c, 0x00c0_8300_0000_00L | (long) (way + 2) << 48 | 0xebL << 56);
        case 4 -> memory.write(CODE + 0x80, fresh, 0, fresh.length);
        default -> memory.write(CODE + 0x80, MemorySegment.ofArray(fresh));
      }
      limit += 50;
      cpu.run(limit);
      expected += 50L * (way + 2);
      assertThat(rax()).as("way %d", way).isEqualTo(expected);
    }
  }

  @Test
  void codeAcrossTwoPagesIsReplacedInEither() {
    // MOV EAX, imm32 from the last two bytes of a page on; JMP back to it.
    long start = CODE + 0xffe;
    guest.load(start, new byte[] {(byte) 0xb8, 1, 2, 3, 4, (byte) 0xeb, (byte) -7});
    cpu.setState(guest.kernel64(start));
    cpu.run(10);
    assertThat(rax()).isEqualTo(0x0403_0201);
    memory.write8(CODE + 0x1001, 9);
    cpu.run(20);
    assertThat(rax()).isEqualTo(0x0409_0201 & 0xff00ffffL | 9 << 16);
    memory.write8(CODE + 0xfff, 8);
    cpu.run(30);
    assertThat(rax()).isEqualTo(0x0409_0208);
  }

  @Test
  void codeIsReplacedWhileTheProcessorHalts() {
    guest.load(CODE, new byte[] {(byte) 0xf4});
    guest.load(CODE + 1, addEax(1));
    guest.load(CODE + 4, new byte[] {(byte) 0xf4});
    cpu.setState(guest.kernel64(CODE));
    assertThat(cpu.run(100)).isInstanceOf(VcpuExit.Halt.class);
    memory.write8(CODE + 3, 0x55);
    cpu.getState(state);
    CpuState awake = guest.kernel64(CODE + 1);
    cpu.setState(awake);
    assertThat(cpu.run(100)).isInstanceOf(VcpuExit.Halt.class);
    assertThat(rax()).isEqualTo(0x55);
  }

  @Test
  void theNextBytesOfARepeatedStoreAreCode() {
    // REP STOSB is stopped within; what follows it is replaced then.
    guest.load(CODE, new byte[] {(byte) 0xf3, (byte) 0xaa, (byte) 0xf4, (byte) 0x90, (byte) 0xf4});
    CpuState s = guest.kernel64(CODE);
    s.gpr[RCX] = 1000;
    s.gpr[7] = DATA;
    cpu.setState(s);
    for (int i = 0; i < 10; i++) {
      assertThat(cpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
    }
    cpu.getState(state);
    assertThat(state.gpr[RCX]).isEqualTo(990);
    memory.write8(CODE + 2, 0x90);
    assertThat(cpu.run(100)).isInstanceOf(VcpuExit.Halt.class);
    cpu.getState(state);
    assertThat(state.rip).isEqualTo(CODE + 5);
  }

  @Test
  void dataIsSeenAtOnce() {
    // MOV EAX, [DATA]; JMP back.
    guest.load(CODE, new byte[] {(byte) 0x8b, 0x04, 0x25, 0, 0, 0x10, 0, (byte) 0xeb, (byte) -9});
    cpu.setState(guest.kernel64(CODE));
    cpu.run(100);
    assertThat(rax()).isZero();
    memory.write32(DATA, 0x1234_5678);
    cpu.run(200);
    assertThat(rax()).isEqualTo(0x1234_5678);
  }

  @Test
  void tablesAreSeenWhenTheyAreWalkedAgain() {
    // MOV EAX, [DATA]; INVLPG [DATA] by the second program only.
    memory.write32(DATA, 1);
    memory.write32(DATA + 0x1000, 2);
    guest.load(CODE, new byte[] {(byte) 0x8b, 0x04, 0x25, 0, 0, 0x10, 0, (byte) 0xeb, (byte) -9});
    guest.load(CODE + 0x100, new byte[] {0x0f, 0x01, 0x3c, 0x25, 0, 0, 0x10, 0});
    guest.load(CODE + 0x108, new byte[] {(byte) 0x8b, 0x04, 0x25, 0, 0, 0x10, 0, (byte) 0xf4});
    cpu.setState(guest.kernel64(CODE));
    cpu.run(10);
    guest.map(DATA, DATA + 0x1000, 3);
    cpu.run(20);
    assertThat(rax()).as("stale, as it may be (SDM 3A 4.10.2.1)").isEqualTo(1);
    cpu.getState(state);
    state.rip = CODE + 0x100;
    cpu.setState(state);
    cpu.run(30);
    assertThat(rax()).isEqualTo(2);
  }

  @Test
  void codeOnAPageThatIsAlsoDataIsDroppedOnlyWhereItChanges() {
    loop();
    cpu.run(100);
    // Beside the code, then on it, often enough for stores to that page to be on a fast path if
    // they could be.
    for (int i = 0; i < 200; i++) {
      memory.write8(CODE + 0x400 + i, i);
      memory.write8(CODE + 0x82, i & 1);
      long before = rax();
      cpu.run(cpu.branchCount() + 1);
      assertThat(rax() - before).isEqualTo(i & 1);
    }
  }
}
