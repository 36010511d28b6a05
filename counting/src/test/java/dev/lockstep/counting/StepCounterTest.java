package dev.lockstep.counting;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The stepping counter against the software CPU's own count, at every boundary. */
final class StepCounterTest {
  private static final int GUESTS = 40;

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void countsAsTheExactEngineDoes(BranchSemantics semantics) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.printf("stepping counter, %s: lockstep.seed=%d%n", semantics, seed);
    SplittableRandom random = new SplittableRandom(seed);
    long boundaries = 0;
    for (int i = 0; i < GUESTS; i++) {
      boundaries += compare(SeekGuest.random(random.split(), 2), semantics, random);
    }
    assertThat(boundaries).isGreaterThan(50_000);
  }

  @ParameterizedTest
  @EnumSource(value = BranchSemantics.class, mode = EnumSource.Mode.EXCLUDE, names = "ANCHORS")
  void aHandlerRightBehindTheFaultIsSeenByItsFrame(BranchSemantics semantics) {
    // The handler of #UD begins where the next instruction would.
    SeekGuest guest =
        SeekGuest.of("mov ebx, 5\nud2\nh6:\nadd qword [rsp], 9\niretq\nafter:\nnop\nhlt\n");
    compare(guest, semantics, new SplittableRandom(1));
  }

  private static long compare(SeekGuest guest, BranchSemantics semantics, SplittableRandom random) {
    StepCounter counter = new StepCounter(semantics);
    Answers answers = new Answers();
    CpuState s = new CpuState();
    byte[] code = new byte[BranchDecoder.MAX_BYTES];
    long boundaries = 0;
    try (SeekGuest.Machine machine = guest.boot(semantics)) {
      SoftVcpu vcpu = machine.vcpu;
      boolean completes = false;
      boolean injected = false;
      while (true) {
        vcpu.getState(s);
        if (!completes && !injected && random.nextInt(50) == 0 && vcpu.interruptible()) {
          vcpu.injectInterrupt(SeekGuest.VECTORS[random.nextInt(2)]);
          injected = true;
        }
        counter.before(
            s.rip,
            code,
            machine.read(s.rip, code),
            64,
            s.gpr[4],
            s.segments[CpuState.CS].selector,
            s.rflags);
        long at = s.rip;
        VcpuExit exit = vcpu.step();
        vcpu.getState(s);
        boolean reads = exit instanceof VcpuExit.PortRead || exit instanceof VcpuExit.MmioRead;
        if (injected) {
          counter.delivered();
        } else if (!reads) {
          counter.after(s.rip, s.gpr[4], machine.guest.memory()::read64);
        }
        injected = false;
        assertThat(counter.count())
            .as("after the instruction at %#x of %s", at, guest.source)
            .isEqualTo(vcpu.branchCount());
        boundaries++;
        if (exit == VcpuExit.Halt.HALT) {
          return boundaries;
        }
        if (exit != VcpuExit.Stepped.STEPPED) {
          answers.answer(exit);
        }
        completes = reads;
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "64, 'je a\na:', CONDITIONAL, 6",
    "64, 'db 0x2e, 0x75, 0x10', CONDITIONAL, 3",
    "64, 'db 0x48, 0x0f, 0x84, 1, 0, 0, 0', CONDITIONAL, 7",
    "64, 'db 0x67, 0xe3, 0xfe', CONDITIONAL, 3",
    "32, 'db 0x66, 0x0f, 0x8f, 2, 0', CONDITIONAL, 5",
    "32, 'db 0x66, 0x7f, 2', CONDITIONAL, 3",
    "32, 'db 0xe3, 0x80', CONDITIONAL, 2",
    "64, 'loopne $', CONDITIONAL, 2",
    "64, 'db 0xf3, 0xc3', NEAR, 0",
    "64, 'call [rbx + r9*4 + 17]', NEAR, 0",
    "64, 'jmp far [rbx]', FAR, 0",
    "64, iretq, FAR, 0",
    "64, 'db 0x0f, 0x34', SYSTEM_CALL, 0",
    "64, sysretq, SYSTEM_CALL, 0",
    "64, 'int 0x80', SOFTWARE_INTERRUPT, 0",
    "32, into, INTERRUPT_ON_OVERFLOW, 0",
    "64, 'db 0xce', NONE, 0",
    "64, 'db 0xea', NONE, 0",
    "32, 'jmp 8:16', FAR, 0",
    "64, 'rep movsb', NONE, 0",
    "64, 'inc qword [rbx]', NONE, 0",
    "64, 'push qword [rbx]', NONE, 0",
    "64, 'db 0xff, 0xd8', NONE, 0",
    "64, 'setne al', NONE, 0",
    "64, 'cmovne eax, ecx', NONE, 0",
    "32, 'db 0x48', NONE, 0",
    "64, 'db 0x48', NONE, 0",
    "64, 'db 0x0f, 0x84, 1, 0', NONE, 0"
  })
  void decodes(int bits, String source, Transfer kind, int length) {
    byte[] code = new Assembler(0x1000, bits).add(source).assemble();
    byte[] bytes = new byte[BranchDecoder.MAX_BYTES];
    System.arraycopy(code, 0, bytes, 0, code.length);
    BranchDecoder decoder = new BranchDecoder();
    assertThat(decoder.decode(0x1000, bytes, code.length, bits)).isEqualTo(kind);
    if (kind == Transfer.CONDITIONAL) {
      assertThat(decoder.next()).isEqualTo(0x1000 + length);
    }
  }

  @Test
  void targetsOfShortAndWideBranches() {
    BranchDecoder decoder = new BranchDecoder();
    decoder.decode(0x1000, new byte[] {0x74, (byte) 0xfe}, 2, 64);
    assertThat(decoder.target()).isEqualTo(0x1000);
    decoder.decode(0x1000, new byte[] {0x0f, (byte) 0x84, 0, 0, 0, (byte) 0x80}, 6, 64);
    assertThat(decoder.target()).isEqualTo(0x1006 - 0x8000_0000L);
    decoder.decode(0x1000, new byte[] {0x0f, (byte) 0x84, 0, 0, 0, (byte) 0x80}, 6, 32);
    assertThat(decoder.target()).isEqualTo(0x8000_1006L);
    decoder.decode(0x1000, new byte[] {0x66, 0x0f, (byte) 0x84, 0, (byte) 0xf0}, 5, 32);
    assertThat(decoder.target()).isEqualTo(0x5);
  }
}
