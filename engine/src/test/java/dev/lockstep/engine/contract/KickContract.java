package dev.lockstep.engine.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Kicks from this thread and from others: none is lost, none comes twice, several are one. */
abstract class KickContract extends ContractSubject {
  private static final VcpuExit KICKED = VcpuExit.Kicked.KICKED;

  /** Far beyond any delay that a loaded host causes; only a lost kick waits so long. */
  private static final long LOST_SECONDS = 60;

  @Test
  void beforeRunStopsItOnce() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:");
    rig.vcpu.kick();
    assertThat(rig.run()).isEqualTo(KICKED);
    assertThat(rig.rip()).as("does not move").isEqualTo(BareGuest.CODE);
    rig.runToHaltBefore("end");
    rig.runToHaltBefore("end");
  }

  @Test
  void severalBeforeTheExitAreOne() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:");
    for (int i = 0; i < 5; i++) {
      rig.vcpu.kick();
    }
    assertThat(rig.run()).isEqualTo(KICKED);
    rig.runToHaltBefore("end");
  }

  @Test
  void outlivesAnotherExit() throws InterruptedException {
    Rig rig = rig();
    rig.code("out 0x80, al\nin al, 0x60\nnop\nhlt\nend:");
    rig.run(VcpuExit.PortWrite.class);
    rig.vcpu.kick();
    assertThat(rig.run()).isEqualTo(KICKED);
    rig.run(VcpuExit.PortRead.class).complete(5);
    rig.vcpu.kick();
    assertThat(rig.run()).isEqualTo(KICKED);
    assertThat(rig.reg(Rig.RAX)).as("the read is completed first").isEqualTo(5);
    rig.runToHaltBefore("end");
  }

  @Test
  void comesBeforeHalt() {
    Rig rig = rig();
    rig.code("hlt\nend:");
    rig.runToHaltBefore("end");
    rig.vcpu.kick();
    assertThat(rig.run()).isEqualTo(KICKED);
    rig.runToHaltBefore("end");
  }

  @Test
  void stepLeavesItForTheNextRun() {
    need(Capability.STEP);
    Rig rig = rig();
    rig.code("nop\nnop\nhlt\nend:");
    rig.vcpu.kick();
    rig.step(VcpuExit.Stepped.STEPPED);
    assertThat(rig.run()).isEqualTo(KICKED);
    rig.runToHaltBefore("end");
  }

  @Test
  void stateLeavesItForTheNextRun() {
    Rig rig = rig();
    rig.code("nop\nhlt\nend:");
    rig.vcpu.kick();
    rig.change(s -> s.gpr[0] = 1);
    assertThat(rig.run()).isEqualTo(KICKED);
    rig.runToHaltBefore("end");
  }

  /** Endless code that never exits of itself, of several kinds. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: jmp a",
        "a: mov ecx, 1000\nb: loop b\njmp a",
        "a: mov rdi, data\nmov ecx, 100000\nrep stosb\njmp a",
        "a: call sub\njmp a\nsub: ret",
        "a: mov rdx, cr3\nmov cr3, rdx\nint 0x50\njmp a\nh: iretq",
        "cli\na: sti\nnop\ncli\njmp a"
      })
  void stopsEndlessCodeFromAnotherThread(String source) throws InterruptedException {
    Rig rig = rig();
    rig.code(source);
    if (source.contains("h:")) {
      rig.handle(0x50, "h");
    }
    countKicks(rig, 200);
  }

  /** The guest exits all the time by itself: a kick must come through between the exits. */
  @Test
  void noneLostAmongOtherExits() throws InterruptedException {
    Rig rig = rig();
    rig.code("a: out 0x80, al\nin al, 0x60\nmov rcx, [device]\nmov [device], rcx\njmp a");
    countKicks(rig, 2000);
  }

  @Test
  void noneLostUnderLoad() throws InterruptedException {
    AtomicBoolean stop = new AtomicBoolean();
    Thread[] load = new Thread[4];
    for (int i = 0; i < load.length; i++) {
      load[i] =
          Thread.ofPlatform()
              .start(() -> {
                while (!stop.get()) {
                  Thread.onSpinWait();
                }
              });
    }
    try {
      Rig rig = rig();
      rig.code("a: mov ecx, 100\nb: loop b\nout 0x80, al\njmp a");
      countKicks(rig, 200);
    } finally {
      stop.set(true);
      for (Thread thread : load) {
        thread.join();
      }
    }
  }

  /** Kicks so many times from another thread, each after the one before was seen, and wants exactly so many exits. */
  private static void countKicks(Rig rig, int kicks) throws InterruptedException {
    Handshake other = new Handshake(rig.vcpu, kicks);
    Thread kicker = Thread.ofPlatform().name("kicker").start(other);
    int seen = 0;
    while (seen < kicks && !other.lost) {
      VcpuExit exit = rig.run();
      if (exit == KICKED) {
        seen++;
        other.seen.release();
      }
    }
    kicker.join();
    assertThat(other.lost).as("kick %d was lost", seen).isFalse();
    assertThat(seen).isEqualTo(kicks);
    // None is left over: a program that ends does so undisturbed.
    rig.code("mov ecx, 100000\na: loop a\nhlt\nend:");
    rig.runToHaltBefore("end");
  }

  /** Sends the next kick when the last one was seen. One that is not seen for long is lost: it is said, and a second one ends the run. */
  private static final class Handshake implements Runnable {
    final Semaphore seen = new Semaphore(0);
    private final Vcpu vcpu;
    private final int kicks;
    volatile boolean lost;

    Handshake(Vcpu vcpu, int kicks) {
      this.vcpu = vcpu;
      this.kicks = kicks;
    }

    @Override
    public void run() {
      for (int i = 0; i < kicks && !lost; i++) {
        vcpu.kick();
        lost = !isSeen();
      }
      if (lost) {
        vcpu.kick();
      }
    }

    private boolean isSeen() {
      try {
        return seen.tryAcquire(LOST_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        return false;
      }
    }
  }
}
