package dev.lockstep.kvmcpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Asm;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.softcpu.SoftVcpu;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Once it is compiled, the path of an exit makes no Java object: not in the bindings, not in the engine, not for a kick or a harvest of dirty pages. Bytes are those that the JVM counts for the thread.
 */
@Timeout(300)
@Tag("own-jvm")
final class ExitAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int PORT = 0x80, ANSWER = 0x5a;
  private static final long DEVICE = 0x8000_0000L;
  private static final int EXITS = 20_000;

  /** Until the last compiler is done with the path: it works beside us, on a host that may be busy. */
  private static final int MAX_WARM_UP = 400;

  /** Branches that no run gets to. */
  private static final long FAR = 1_000_000_000;

  @BeforeAll
  static void deviceIsThere() {
    Assumptions.assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: it is not tested that an exit of kvm allocates nothing");
  }

  @Test
  void portsAndDevicesAnsweredWithoutADeadline() {
    answered(Long.MAX_VALUE);
  }

  @Test
  void portsAndDevicesAnsweredBeforeADeadline() {
    answered(FAR);
  }

  private static void answered(long branches) {
    // out 0x80, al; in al, 0x80; mov [rbx], eax; mov eax, [rbx]; and again
    Asm code = new Asm(BareGuest.CODE).label("again").out(PORT).in(PORT).hex("89 03 8b 03");
    try (Guest guest = new Guest(code.jmp("again"))) {
      assertNothingAllocated(() -> {
        long limit = branches;
        if (limit != Long.MAX_VALUE) {
          limit += guest.vcpu.branchCount();
        }
        answer(guest.vcpu.run(limit));
      });
    }
  }

  private static void answer(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortWrite w when w.port() == PORT && w.width() == 1 -> {}
      case VcpuExit.PortRead r when r.port() == PORT && r.width() == 1 -> r.complete(ANSWER);
      case VcpuExit.MmioWrite w when w.address() == DEVICE && w.value() == ANSWER -> {}
      case VcpuExit.MmioRead r when r.address() == DEVICE && r.width() == 4 -> r.complete(ANSWER);
      default -> throw new AssertionError("not an exit of this guest: " + exit);
    }
  }

  @Test
  void kicksTaken() {
    try (Guest guest = new Guest(new Asm(BareGuest.CODE).label("again").jmp("again"))) {
      assertNothingAllocated(() -> {
        guest.vcpu.kick();
        if (guest.vcpu.run(Long.MAX_VALUE) != VcpuExit.Kicked.KICKED) {
          throw new AssertionError("not kicked");
        }
      });
    }
  }

  @Test
  void dirtyPagesHarvested() {
    // mov [0x100000], al; out 0x80, al; and again
    Asm code = new Asm(BareGuest.CODE).label("again").hex("88 04 25 00 00 10 00").out(PORT);
    try (Guest guest = new Guest(code.jmp("again"))) {
      long[] pages = {0};
      // One for all: a lambda here in the loop would be an object of the test's own, until HotSpot
      // sees through it.
      LongConsumer counter = page -> pages[0]++;
      assertNothingAllocated(() -> {
        guest.vcpu.run(Long.MAX_VALUE);
        guest.vcpu.collectDirty();
        guest.bare.memory().harvestDirty(counter);
      });
      assertThat(pages[0]).as("pages harvested").isGreaterThanOrEqualTo(EXITS);
    }
  }

  /** Runs in batches until two in a row have allocated nothing. One may have while HotSpot still changes its mind about the code. */
  private static void assertNothingAllocated(Runnable exit) {
    int batches = 0;
    for (int clean = 0; clean < 2; clean = allocatedBy(exit) == 0 ? clean + 1 : 0) {
      assertThat(++batches)
          .as("batches of %d exits without two in a row that allocated nothing", EXITS)
          .isLessThan(MAX_WARM_UP);
    }
  }

  private static long allocatedBy(Runnable exit) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < EXITS; i++) {
      exit.run();
    }
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  /** Code in ring 0, with a device. */
  private static final class Guest implements AutoCloseable {
    final BareGuest bare = new BareGuest();
    final KvmVcpu vcpu;

    Guest(Asm code) {
      bare.map(DEVICE, DEVICE, 3);
      bare.load(BareGuest.CODE, code.bytes());
      try (Kvm kvm = Kvm.open()) {
        vcpu =
            KvmVcpu.create(
                kvm,
                new HostProbes(Kvm.DEVICE).traits(),
                CpuModel.LOCKSTEP_V1,
                bare.memory(),
                BranchSemantics.ALL_TRANSFERS,
                (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
      }
      CpuState start = bare.kernel64(BareGuest.CODE);
      start.gpr[3] = DEVICE;
      start.gpr[0] = ANSWER;
      vcpu.setState(start);
    }

    @Override
    public void close() {
      vcpu.close();
      bare.close();
    }
  }
}
