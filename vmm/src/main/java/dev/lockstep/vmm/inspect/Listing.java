package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.kvm.disassembly.CodeMode;
import dev.lockstep.kvm.disassembly.Disassembler;
import dev.lockstep.kvm.disassembly.Instruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Registers and instructions as lines of text. */
public final class Listing {
  private static final int COLUMNS = 4;
  private static final int INSTRUCTIONS = 4;

  private Listing() {}

  /** The registers, some to a line. */
  public static List<String> registers(MachineView view) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    int column = 0;
    for (Map.Entry<String, Long> register : view.registers().entrySet()) {
      line.append("%-6s %016x  ".formatted(register.getKey(), register.getValue()));
      if (++column % COLUMNS == 0) {
        lines.add(line.toString().stripTrailing());
        line.setLength(0);
      }
    }
    if (!line.isEmpty()) {
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }

  /** The next instructions: as text by libcapstone where it is installed, else as bytes. */
  public static List<String> code(MachineView view) {
    long rip = view.cpu().rip;
    if (view.code().length == 0) {
      return List.of("%#x: not mapped".formatted(rip));
    }
    return switch (Disassembler.find()) {
      case Disassembler.Present it ->
          it.disassembler().disassemble(view.code(), rip, mode(view.cpu())).stream()
              .limit(INSTRUCTIONS)
              .map(Listing::line)
              .toList();
      case Disassembler.Absent it -> List.of("%#x: %s".formatted(rip, view.codeHex()));
    };
  }

  private static String line(Instruction instruction) {
    return "%#x: %s".formatted(instruction.address(), instruction);
  }

  /** By CS.L and CS.D (Intel SDM vol. 3A 3.4.5). */
  private static CodeMode mode(CpuState cpu) {
    SegmentRegister code = cpu.segments[CpuState.CS];
    if ((cpu.efer & 0x400) != 0 && (code.access & 0x2000) != 0) {
      return CodeMode.BITS_64;
    }
    return (code.access & 0x4000) != 0 ? CodeMode.BITS_32 : CodeMode.BITS_16;
  }
}
