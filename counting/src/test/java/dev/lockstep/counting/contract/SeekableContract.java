package dev.lockstep.counting.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.counting.Seek;
import dev.lockstep.counting.SeekResult;
import dev.lockstep.counting.SeekableVcpu;
import dev.lockstep.counting.SkidPolicy;
import dev.lockstep.counting.Stop;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The contract of {@link SeekableVcpu} for an engine that counts conditional branches. */
@Timeout(120)
public abstract class SeekableContract {
  private static final int RAX = 0, RCX = 1, RBX = 3, RSP = 4;
  private static final long IF = 1 << 9, TF = 1 << 8;
  private static final int VECTOR = 0x30;
  private static final Stop STEPPED = Stop.Paused.STEPPED;

  /** A vCPU under test. */
  protected interface Subject extends AutoCloseable {
    /** The state. */
    Vcpu vcpu();

    /** The face under test. */
    SeekableVcpu seekable();

    /** The state was replaced through {@link #vcpu}; the count begins at 0. */
    void loaded();

    /** As {@link Vcpu#kick}. */
    void kick();

    /** Queues an interrupt at a boundary where it may be. */
    void inject(int vector);

    @Override
    void close();
  }

  private final BareGuest guest = new BareGuest();
  private Assembler code = new Assembler(BareGuest.CODE, 64);
  private @Nullable Subject subject;

  /** Makes a vCPU that counts by {@link BranchSemantics#CONDITIONAL}; it is closed before its memory is. */
  protected abstract Subject create(BareGuest guest);

  @AfterEach
  void close() {
    closeSubject();
    guest.close();
  }

  private void load(String source, boolean user) {
    closeSubject();
    code = new Assembler(BareGuest.CODE, 64).add(source);
    guest.load(BareGuest.CODE, code.assemble());
    Subject made = create(guest);
    subject = made;
    CpuState s = user ? guest.user64(BareGuest.CODE) : guest.kernel64(BareGuest.CODE);
    s.gpr[RSP] = user ? 0x18_0000 : BareGuest.KERNEL_STACK;
    s.rflags |= IF;
    made.vcpu().setState(s);
    made.loaded();
  }

  private void closeSubject() {
    Subject open = subject;
    subject = null;
    if (open != null) {
      open.close();
    }
  }

  private SeekableVcpu vcpu() {
    return subject().seekable();
  }

  private Subject subject() {
    return Objects.requireNonNull(subject, "no code was loaded");
  }

  private CpuState state() {
    CpuState s = new CpuState();
    subject().vcpu().getState(s);
    return s;
  }

  private long at(String label) {
    return code.address(label);
  }

  private VcpuExit exit(Stop stop) {
    assertThat(stop).as("at %#x", vcpu().rip()).isInstanceOf(Stop.Exit.class);
    return ((Stop.Exit) stop).exit();
  }

  /** Runs on past interruptions, which may come for nothing. */
  private Stop run() {
    Stop stop;
    do {
      stop = vcpu().runFree(Long.MAX_VALUE);
    } while (stop == Stop.Paused.INTERRUPTED);
    return stop;
  }

  private void needBreakpoint(String label) {
    assumeTrue(vcpu().setBreakpoint(at(label)), "this engine has no execution breakpoint here");
  }

  @Test
  void tellsWhereItStands() {
    load("mov ecx, 77\nhere:\nnop\nhlt\n", false);
    assertThat(vcpu().branchSemantics()).isEqualTo(BranchSemantics.CONDITIONAL);
    assertThat(vcpu().step()).isEqualTo(STEPPED);
    CpuState s = state();
    long digest = RegisterDigest.of(s.gpr, s.rflags);
    assertThat(vcpu().point()).isEqualTo(new ExecutionPoint(0, at("here"), 77, digest));
    assertThat(vcpu().midInstruction()).isFalse();
  }

  @Test
  void stepsCountConditionalBranchesTakenOrNot() {
    load("mov ecx, 2\na:\nloop a\ncmp ecx, ecx\njne a\njmp b\nb:\ncall c\nhlt\nc:\nret\n", false);
    long[] counts = {0, 1, 2, 2, 3, 3, 3, 3};
    for (long count : counts) {
      assertThat(vcpu().step()).isEqualTo(STEPPED);
      assertThat(vcpu().branchCount()).as("at %#x", vcpu().rip()).isEqualTo(count);
    }
    assertThat(exit(vcpu().step())).isEqualTo(VcpuExit.Halt.HALT);
  }

  @Test
  void overflowsComeWithinTheSkidBound() {
    load("mov r8d, 2000000\na:\ndec r8d\njnz a\nhlt\n", false);
    long bound = vcpu().limits().skidBound();
    for (int i = 1; i <= 20; i++) {
      long armed = vcpu().branchCount() + vcpu().limits().minimumPeriod() + 5_000L + 37 * i;
      while (vcpu().branchCount() < armed) {
        assertThat(vcpu().runFree(armed)).isEqualTo(Stop.Paused.INTERRUPTED);
      }
      assertThat(vcpu().branchCount()).isBetween(armed, armed + bound);
      assertThat(2_000_000 - state().gpr[8])
          .as("as the guest counts")
          .isBetween(vcpu().branchCount(), vcpu().branchCount() + 1);
    }
  }

  @Test
  void breakpointsStopBeforeTheInstruction() {
    for (boolean user : new boolean[] {false, true}) {
      load("mov ecx, 50\na:\nadd ebx, 1\nhere:\nadd ebx, 1\nloop a\nhlt\n", user);
      needBreakpoint("here");
      for (int i = 0; i < 50; i++) {
        assertThat(run()).as("round %d, user: %s", i, user).isEqualTo(Stop.Paused.BREAKPOINT);
        assertThat(vcpu().rip()).isEqualTo(at("here"));
        assertThat(vcpu().branchCount()).isEqualTo(i);
        assertThat(state().gpr[RBX]).isEqualTo(2L * i + 1);
        assertThat(vcpu().step()).isEqualTo(STEPPED);
        assertThat(state().gpr[RBX]).isEqualTo(2L * i + 2);
      }
      assertThat(exit(run())).as("HLT, #GP in ring 3").isEqualTo(VcpuExit.Halt.HALT);
    }
  }

  @Test
  void aBreakpointThatWasTakenAwayStopsNobody() {
    load("mov ecx, 50\na:\nnop\nloop a\nhlt\n", false);
    needBreakpoint("a");
    assertThat(run()).isEqualTo(Stop.Paused.BREAKPOINT);
    vcpu().clearBreakpoint();
    vcpu().clearBreakpoint();
    assertThat(exit(run())).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(vcpu().branchCount()).isEqualTo(50);
  }

  @Test
  void readsAreCompletedByAStep() {
    load("here:\nin al, 0x60\nnext:\nout 0x80, al\nlast:\nhlt\n", false);
    for (boolean stepped : new boolean[] {false, true}) {
      load("here:\nin al, 0x60\nnext:\nout 0x80, al\nlast:\nhlt\n", false);
      VcpuExit.PortRead read = (VcpuExit.PortRead) exit(stepped ? vcpu().step() : run());
      assertThat(vcpu().rip()).isEqualTo(at("here"));
      assertThat(vcpu().midInstruction()).isTrue();
      read.complete(0x5a);
      assertThat(vcpu().step()).isEqualTo(STEPPED);
      assertThat(vcpu().midInstruction()).isFalse();
      assertThat(vcpu().rip()).isEqualTo(at("next"));
      VcpuExit.PortWrite write = (VcpuExit.PortWrite) exit(stepped ? vcpu().step() : run());
      assertThat(write.value()).isEqualTo(0x5a);
      assertThat(vcpu().midInstruction()).isFalse();
      assertThat(vcpu().rip()).isEqualTo(at("last"));
      assertThat(exit(stepped ? vcpu().step() : run())).isEqualTo(VcpuExit.Halt.HALT);
    }
  }

  @Test
  void noIterationIsPassedOver() {
    String source = "mov rdi, 0x100000\nmov ecx, 5000\nhere:\nrep stosb\nend:\nhlt\n";
    for (long left : new long[] {4_999, 3_977, 1_024, 1, 0}) {
      load(source, false);
      while (vcpu().rip() != at("here")) {
        vcpu().step();
      }
      assertThat(vcpu().stepRepeat(left)).isEqualTo(STEPPED);
      assertThat(vcpu().rcx()).isEqualTo(left);
      assertThat(vcpu().rip()).isEqualTo(at(left == 0 ? "end" : "here"));
      assertThat(state().gpr[7]).isEqualTo(0x10_0000 + 5_000 - left);
    }
  }

  @Test
  void queuedEventsAreDeliveredFirst() {
    load("nop\nhere:\nnop\nhlt\nhandler:\nadd ebx, 1\niretq\n", false);
    guest.gate(VECTOR, at("handler"), 0);
    vcpu().step();
    subject().inject(VECTOR);
    assertThat(vcpu().rip()).as("not yet").isEqualTo(at("here"));
    if (vcpu().setBreakpoint(at("handler"))) {
      assertThat(run()).isEqualTo(Stop.Paused.BREAKPOINT);
      assertThat(vcpu().rip()).isEqualTo(at("handler"));
      assertThat(state().gpr[RBX]).isZero();
      vcpu().clearBreakpoint();
    }
    assertThat(exit(run())).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(state().gpr[RBX]).isEqualTo(1);
    assertThat(vcpu().branchCount()).isZero();
  }

  @Test
  void transitionsAddNothing() {
    load(
        """
        mov ecx, 20
        a:
        out 0x80, al
        ud2
        int 0x40
        loop a
        hlt
        handler:
        iretq
        undefined:
        add qword [rsp], 2
        iretq
        """,
        false);
    guest.gate(VECTOR, at("handler"), 0);
    guest.gate(0x40, at("handler"), 0);
    guest.gate(6, at("undefined"), 0);
    for (int i = 0; i < 20; i++) {
      assertThat(exit(run())).isInstanceOf(VcpuExit.PortWrite.class);
      assertThat(vcpu().branchCount()).isEqualTo(i);
      subject().inject(VECTOR);
    }
    assertThat(exit(run())).isEqualTo(VcpuExit.Halt.HALT);
    assertThat(vcpu().branchCount()).isEqualTo(20);
  }

  @Test
  void stepsAndBreakpointsLeaveNoTrace() {
    load("pushfq\npop rax\nhere:\npushfq\npop rbx\nhlt\n", false);
    long dr7 = state().dr7;
    vcpu().setBreakpoint(at("here"));
    vcpu().step();
    vcpu().step();
    for (int i = 0; i < 2; i++) {
      vcpu().step();
    }
    CpuState s = state();
    assertThat(s.gpr[RAX] & TF).isZero();
    assertThat(s.gpr[RBX]).isEqualTo(s.gpr[RAX]);
    assertThat(s.rflags & TF).isZero();
    assertThat(s.dr7).isEqualTo(dr7);
  }

  @Test
  void kicksAreExits() {
    load("mov r8d, 2000000\na:\ndec r8d\njnz a\nhlt\n", false);
    subject().kick();
    assertThat(exit(run())).isEqualTo(VcpuExit.Kicked.KICKED);
    long before = vcpu().branchCount();
    while (vcpu().branchCount() < before + 10_000) {
      assertThat(vcpu().runFree(before + 10_000)).isEqualTo(Stop.Paused.INTERRUPTED);
    }
  }

  @Test
  void pointsAreMetAgain() {
    String source =
        "mov r8d, 90000\na:\nadd rdx, r8\nhere:\nmov ecx, 3\nb:\nloop b\ndec r8d\njnz a\nhlt\n";
    for (long rounds : new long[] {0, 1, 700, 20_000, 89_999}) {
      load(source, false);
      // The guest's own arithmetic tells the truth: four branches a round.
      long count = 4 * rounds;
      long[] gpr = new long[16];
      gpr[RSP] = BareGuest.KERNEL_STACK;
      gpr[8] = 90_000 - rounds;
      for (long i = 90_000; i >= 90_000 - rounds; i--) {
        gpr[2] += i;
      }
      ExecutionPoint target =
          new ExecutionPoint(count, at("here"), 0, RegisterDigest.of(gpr, IF | 2));
      Seek seek = new Seek(vcpu(), target, SkidPolicy.of(vcpu().limits()));
      assertThat(seek.advance()).as("%s", target).isEqualTo(SeekResult.Reached.REACHED);
      assertThat(vcpu().point()).isEqualTo(target);
      assertThat(state().gpr[8]).isEqualTo(90_000 - rounds);
      assertThat(state().gpr[RCX]).isZero();
    }
  }

  /** For subjects that need to read code where paging is the identity. */
  protected static int readCode(GuestMemory memory, long rip, byte[] into) {
    if (!memory.contains(rip, into.length)) {
      return 0;
    }
    memory.read(rip, into, 0, into.length);
    return into.length;
  }
}
