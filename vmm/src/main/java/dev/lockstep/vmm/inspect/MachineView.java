package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.LinearView;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.Boundary;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A machine that stands still, as it is shown.
 *
 * @param at where it stands
 * @param virtualNanos virtual time there
 * @param sequence number of the log entry that comes next
 * @param cpu its registers; a copy
 * @param digest hashes of registers, devices and memory
 * @param code what is in memory at RIP and behind it; shorter where it is not mapped
 */
public record MachineView(
    Moment at, long virtualNanos, long sequence, CpuState cpu, MachineDigest digest, byte[] code) {
  private static final int CODE_BYTES = 32;
  private static final String[] GENERAL = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
  };

  public MachineView {
    code = code.clone();
  }

  @Override
  public byte[] code() {
    return code.clone();
  }

  /** Looks at a machine; hashes its memory. */
  public static MachineView of(Boundary machine) {
    CpuState cpu = machine.cpu();
    return new MachineView(
        machine.moment(),
        machine.virtualNanos(),
        machine.nextSequence(),
        cpu,
        machine.digest(false),
        code(machine, cpu));
  }

  private static byte[] code(Boundary machine, CpuState cpu) {
    LinearView view = new LinearView(cpu, machine.memory());
    byte[] bytes = new byte[CODE_BYTES];
    long linear = cpu.segments[CpuState.CS].base + cpu.rip;
    for (int i = 0; i < CODE_BYTES; i++) {
      long physical = view.physical(linear + i);
      if (physical < 0) {
        return Arrays.copyOf(bytes, i);
      }
      bytes[i] = (byte) machine.memory().read8(physical);
    }
    return bytes;
  }

  /** The registers that people look at, by name. */
  public Map<String, Long> registers() {
    Map<String, Long> values = new LinkedHashMap<>();
    for (int i = 0; i < GENERAL.length; i++) {
      values.put(GENERAL[i], cpu.gpr[i]);
    }
    values.put("rip", cpu.rip);
    values.put("rflags", cpu.rflags);
    values.put("cs", (long) cpu.segments[CpuState.CS].selector);
    values.put("ss", (long) cpu.segments[CpuState.SS].selector);
    values.put("cr0", cpu.cr0);
    values.put("cr2", cpu.cr2);
    values.put("cr3", cpu.cr3);
    values.put("cr4", cpu.cr4);
    values.put("efer", cpu.efer);
    return values;
  }

  /** The code as hexadecimal digits. */
  public String codeHex() {
    return HexFormat.of().formatHex(code);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof MachineView that
        && at.equals(that.at)
        && virtualNanos == that.virtualNanos
        && sequence == that.sequence
        && digest.equals(that.digest);
  }

  @Override
  public int hashCode() {
    return 31 * at.hashCode() + digest.hashCode();
  }
}
