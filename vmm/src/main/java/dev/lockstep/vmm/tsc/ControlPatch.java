package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MOV to and from CR4, patched so that the machine holds CR4.TSD while the guest sees the bit as it last wrote it.
 *
 * <p>{@code [REX] 0F 22 modrm} becomes {@code OUT imm8, AL; [REX] modrm}: what is left of the instruction behind the OUT says which register it moves and is never executed, since the machine moves RIP
 * past it. So no table is needed, and code that the kernel copies elsewhere (kexec) works there. Only registers' forms without legacy prefixes are patched, and not RSP: compilers make no others.
 *
 * <p>A write is executed by the engine itself: the instruction is put back, the guest steps over it with TSD set in its register, and both are as before. So it flushes what it must flush, and raises #GP
 * as it would have.
 */
final class ControlPatch {
  private static final int RSP = 4;
  private static final int REX = 0x40;
  private static final int REX_R = 4;
  private static final int REX_B = 1;
  private static final int CR4_OF_RAX = 0xe0;
  private static final byte ESCAPE = 0x0f;
  private static final byte WRITE = 0x22;

  private ControlPatch() {}

  /** Whether a move of that length from or to CR4 is of a form that can be patched. */
  static boolean fits(byte[] code, int at, int length) {
    return length == 3 && registerOf(code, at + 2) >= 0
        || length == 4
            && isRex(code[at])
            && registerOf(new byte[] {code[at], code[at + 3]}, 0) >= 0;
  }

  /** Patches moves where {@link TscSite#physical} says. */
  static void apply(List<TscSite> sites, CodeBytes code) {
    for (TscSite site : sites) {
      StopPort port =
          site.kind() == TscSite.Kind.WRITE_CR4 ? StopPort.WRITE_CR4 : StopPort.READ_CR4;
      byte[] original = code.get(site.physical(), site.length());
      byte[] stop = port.instruction();
      byte[] patched = original.clone();
      System.arraycopy(stop, 0, patched, 0, stop.length);
      // REX comes behind the OUT, the last byte stays.
      if (site.length() > 3) {
        patched[2] = original[0];
      }
      code.swap(site.physical(), patched);
    }
  }

  /** What stands behind an OUT: the register it moves and how long it is. */
  record Operand(int register, byte[] bytes) {
    /** Of a vCPU that has executed the OUT; null if this is no patched code. */
    static @Nullable Operand at(CodeBytes code, long rip) {
      byte[] first = code.get(rip, 1);
      byte[] bytes = isRex(first[0]) ? code.get(rip, 2) : first;
      int register = registerOf(bytes, 0);
      return register < 0 ? null : new Operand(register, bytes);
    }

    /** The instruction MOV CR4, r64 that was there. */
    private byte[] write() {
      return bytes.length == 1
          ? new byte[] {ESCAPE, WRITE, bytes[0]}
          : new byte[] {bytes[0], ESCAPE, WRITE, bytes[1]};
    }
  }

  /** The register of an optional REX and a ModRM byte that names CR4; -1 if they do not. */
  private static int registerOf(byte[] bytes, int at) {
    int rex = isRex(bytes[at]) ? bytes[at] : 0;
    int modrm = bytes[rex == 0 ? at : at + 1] & 0xff;
    if ((modrm & 0xf8) != CR4_OF_RAX || (rex & REX_R) != 0) {
      return -1;
    }
    int register = modrm & 7 | (rex & REX_B) << 3;
    return register == RSP ? -1 : register;
  }

  private static boolean isRex(byte octet) {
    return (octet & 0xf0) == REX;
  }

  /**
   * Executes a write with TSD set.
   *
   * @param state of a vCPU that has executed the OUT; overwritten
   * @return what the step made the vCPU exit with
   */
  static VcpuExit write(Vcpu vcpu, CpuState state, CodeBytes code, Operand operand) {
    long value = state.gpr[operand.register];
    state.gpr[operand.register] = value | UserCounter.TIME_STAMP_DISABLE;
    VcpuExit exit =
        DisplacedStep.run(vcpu, state, code, state.rip - StopPort.LENGTH, operand.write());
    vcpu.getState(state);
    state.gpr[operand.register] = value;
    vcpu.setState(state);
    return exit;
  }

  /**
   * Executes a read.
   *
   * @param state of a vCPU that has executed the OUT; gets what the guest reads
   * @param disabled what the guest last wrote to TSD
   */
  static void read(CpuState state, Operand operand, boolean disabled) {
    long bit = disabled ? UserCounter.TIME_STAMP_DISABLE : 0;
    state.gpr[operand.register] = state.cr4 & ~UserCounter.TIME_STAMP_DISABLE | bit;
    state.rip += operand.bytes.length;
  }
}
