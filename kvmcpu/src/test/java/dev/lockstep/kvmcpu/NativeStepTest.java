package dev.lockstep.kvmcpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.testkit.Assembler;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The processor steps what it can be trusted with, the finisher the rest, and nobody sees the seam. */
class NativeStepTest {
  private static final String PROGRAM =
      """
      mov ecx, 40
      mov rax, 0x123456789abcdef
      again: add rbx, rax
      shl rax, 3
      push rax
      rol ebx, cl
      pop rdx
      imul rdx, rbx
      mov [0x100000], rdx
      xchg rdx, rsi
      bsf rdi, rdx
      mov r10, rax
      and r10d, 1
      jne odd
      not rax
      odd: pushfq
      pop r8
      add rbx, [0x100000]
      lea r9, [rbx+rax*4+5]
      dec ecx
      jne again
      hlt
      """;

  @Test
  void theProcessorStepsPlainInstructions() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: steps by the processor are not tested");
    HostTraits traits = new HostProbes(Kvm.DEVICE).traits();
    assumeTrue(
        traits.stepExactRing0(), "this host does not step ring 0 exactly: the finisher does it");
    try (Kvm kvm = Kvm.open();
        BareGuest guest = new BareGuest();
        BareGuest other = new BareGuest();
        KvmVcpu vcpu =
            KvmVcpu.create(
                kvm,
                traits,
                CpuModel.LOCKSTEP_V1,
                guest.memory(),
                BranchSemantics.ALL_TRANSFERS,
                (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
        Vcpu soft =
            SoftVcpu.create(
                CpuModel.LOCKSTEP_V1, other.memory(), count -> 0, BranchSemantics.ALL_TRANSFERS)) {
      start(guest, vcpu);
      start(other, soft);
      CpuState mine = new CpuState();
      CpuState theirs = new CpuState();
      VcpuExit exit = VcpuExit.Stepped.STEPPED;
      int steps = 0;
      while (exit == VcpuExit.Stepped.STEPPED) {
        exit = vcpu.step();
        assertThat(exit).isEqualTo(soft.step());
        vcpu.getState(mine);
        soft.getState(theirs);
        assertThat(mine.rip).as("after %d steps", steps).isEqualTo(theirs.rip);
        // BSF and shifts leave flags undefined: the processor's own choice.
        assertThat(mine.gpr[3]).as("RBX after %d steps", steps).isEqualTo(theirs.gpr[3]);
        steps++;
      }
      assertThat(exit).isEqualTo(VcpuExit.Halt.HALT);
      assertThat(steps).isGreaterThan(600);
      assertThat(vcpu.instructionsStepped()).isBetween(steps / 2L, (long) steps);
      assertThat(guest.memory().read64(0x10_0000)).isEqualTo(other.memory().read64(0x10_0000));
    }
  }

  private static void start(BareGuest guest, Vcpu vcpu) {
    guest.load(BareGuest.CODE, new Assembler(BareGuest.CODE, 64).add(PROGRAM).assemble());
    vcpu.setState(guest.kernel64(BareGuest.CODE));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "add eax, ebx",
        "sub r9, r10",
        "cmp al, 5",
        "inc rdi",
        "shl rax, cl",
        "neg ecx",
        "mul rbx",
        "imul rax, rbx",
        "jmp short a\na: nop",
        "je a\na: nop",
        "loop a\na: nop",
        "lea rax, [rbx+8]",
        "mov rax, 0x123456789",
        "cmove eax, ebx",
        "movzx eax, bl",
        "bt eax, ebx",
        "xadd eax, ebx",
        "cld",
        "nop"
      })
  void plainOnes(String source) {
    assertThat(isPlain(source)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "add [rbx], eax",
        "mov eax, [rbx]",
        "push rax",
        "pop rax",
        "call a\na: nop",
        "ret",
        "pushfq",
        "popfq",
        "div ecx",
        "idiv ecx",
        "hlt",
        "sti",
        "cli",
        "in al, dx",
        "out dx, al",
        "rep movsb",
        "movsb",
        "syscall",
        "int3",
        "int 0x80",
        "iretq",
        "mov ds, eax",
        "mov cr3, rax",
        "cpuid",
        "rdmsr",
        "wrmsr",
        "jmp rax",
        "lock xadd [rbx], eax",
        "fninit",
        "ud2",
        "invlpg [rbx]"
      })
  void othersAreNot(String source) {
    assertThat(isPlain(source)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "'75fe',0",
    "'7510',18",
    "'e280',-126",
    "'eb7f',129",
    "'e9fcffffff',1",
    "'0f8400010000',262",
    "'480f8400010000',263",
    "'48ebfe',1",
    "'90',0",
    "'0fafc3',0",
    "'b8fe000000',0"
  })
  void whereAJumpMayGo(String code, long reach) {
    byte[] bytes = Arrays.copyOf(HexFormat.of().parseHex(code), 15);
    assertThat(PlainInstruction.isAt(bytes, bytes.length, true)).isTrue();
    assertThat(PlainInstruction.reach(bytes, true)).isEqualTo(reach);
  }

  @Test
  void aJumpWithAnOperandSizeIsNone() {
    byte[] bytes = Arrays.copyOf(HexFormat.of().parseHex("66eb10"), 15);
    assertThat(PlainInstruction.isAt(bytes, bytes.length, true)).isFalse();
  }

  private static boolean isPlain(String source) {
    byte[] code = new Assembler(BareGuest.CODE, 64).add(source).assemble();
    return PlainInstruction.isAt(code, code.length, true);
  }
}
