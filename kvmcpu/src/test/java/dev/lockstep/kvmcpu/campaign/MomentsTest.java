package dev.lockstep.kvmcpu.campaign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvmcpu.KvmVcpu;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the campaigns found, each by itself. */
final class MomentsTest {
  private static final long WINDOW = 0x60_0000, FRAMES = 0x20_0000;
  private static final long PATIENCE_SECONDS = 60;

  @BeforeEach
  void deviceIsThere() {
    Engines.need("deadlines and page tables of the kvm engine are not tested");
  }

  /** The timer that ends a run goes by the host's clock, the deadline by the time in the guest: it may come a little too early, and must then come again. */
  @Test
  void deadlinesComeHoweverShort() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    try (BareGuest guest = new BareGuest();
        Engines engines = new Engines();
        KvmVcpu vcpu = engines.kvm(guest.memory())) {
      guest.load(BareGuest.CODE, new byte[] {(byte) 0xeb, (byte) 0xfe});
      vcpu.setState(guest.user64(BareGuest.CODE));
      Thread watchdog =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                try {
                  if (!done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    vcpu.kick();
                  }
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      for (int i = 0; i < 5000; i++) {
        assertThat(vcpu.run(vcpu.branchCount() + 1))
            .as("run %d; a kick is the watchdog's", i)
            .isEqualTo(VcpuExit.Deadline.DEADLINE);
      }
      done.countDown();
      watchdog.join();
    }
  }

  @Test
  void aDeadlineTooFarToMeasureIsNone() {
    try (BareGuest guest = new BareGuest();
        Engines engines = new Engines();
        KvmVcpu vcpu = engines.kvm(guest.memory())) {
      guest.load(BareGuest.CODE, new byte[] {(byte) 0xf4});
      vcpu.setState(guest.kernel64(BareGuest.CODE));
      assertThat(vcpu.run(Long.MAX_VALUE - 1)).isEqualTo(VcpuExit.Halt.HALT);
    }
  }

  /** In ring 3, where the hardware translates; in ring 0 some KVMs walk the page tables for each access. */
  @Test
  void aPageTableThatChangedWithTheStateIsSeenInRing3() {
    try (BareGuest guest = new BareGuest();
        Engines engines = new Engines();
        KvmVcpu vcpu = engines.kvm(guest.memory())) {
      Assembler code = new Assembler(BareGuest.CODE, 64).define("window", WINDOW);
      guest.load(
          BareGuest.CODE, code.add("again: mov al, [window]\nout 0x10, al\njmp again").assemble());
      for (int frame = 0; frame < 2; frame++) {
        guest.memory().write8(FRAMES + 0x1000L * frame, 0x50 + frame);
      }
      CpuState state = guest.user64(BareGuest.CODE);
      state.rflags |= 3 << 12;
      for (int i = 0; i < 50; i++) {
        guest.map(WINDOW, FRAMES + 0x1000L * (i & 1), 7);
        vcpu.setState(state);
        for (int j = 0; j < 2; j++) {
          VcpuExit exit = vcpu.run(Long.MAX_VALUE);
          assertThat(exit).isInstanceOf(VcpuExit.PortWrite.class);
          assertThat(((VcpuExit.PortWrite) exit).value())
              .as("round %d", i)
              .isEqualTo(0x50 + (i & 1));
        }
        vcpu.getState(state);
      }
    }
  }

  /** Single steps are another engine's: what the kernel of the guest changes in them, its ring 3 must see. */
  @Test
  void aPageTableThatWasChangedInStepsIsSeenInRing3() {
    try (BareGuest guest = new BareGuest();
        Engines engines = new Engines();
        KvmVcpu vcpu = engines.kvm(guest.memory())) {
      guest.map(WINDOW, FRAMES, 7);
      Assembler code =
          new Assembler(BareGuest.CODE, 64)
              .define("window", WINDOW)
              .define("entry", guest.entry(WINDOW))
              .add(
                  """
                  user: mov al, [window]
                  out 0x10, al
                  ud2
                  kernel: xchg rcx, rdx
                  mov [entry], rcx
                  invlpg [window]
                  mov qword [rsp], user
                  iretq
                  """);
      guest.load(BareGuest.CODE, code.assemble());
      guest.gate(6, code.address("kernel"), 0);
      CpuState state = guest.user64(BareGuest.CODE);
      state.rflags |= 3 << 12;
      for (int frame = 0; frame < 2; frame++) {
        guest.memory().write8(FRAMES + 0x1000L * frame, 0x50 + frame);
        state.gpr[1 + frame] = FRAMES + 0x1000L * frame + 7;
      }
      vcpu.setState(state);
      for (int i = 0; i < 50; i++) {
        VcpuExit exit = vcpu.run(Long.MAX_VALUE);
        assertThat(exit).isInstanceOf(VcpuExit.PortWrite.class);
        assertThat(((VcpuExit.PortWrite) exit).value()).as("round %d", i).isEqualTo(0x50 + (i & 1));
        do {
          assertThat(vcpu.step()).isEqualTo(VcpuExit.Stepped.STEPPED);
          vcpu.getState(state);
        } while (state.rip != BareGuest.CODE);
      }
    }
  }
}
