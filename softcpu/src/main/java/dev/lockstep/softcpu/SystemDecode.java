package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.CpuidLeaf;

/** Makes operations of the system instructions: segment loads, far transfers, flags with IOPL, ports, control and debug registers, MSRs, descriptor tables. */
final class SystemDecode {
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RBX = 3;
  private static final long LOW = 0xffff_ffffL;
  private static final int INT1 = 1;

  private SystemDecode() {}

  /** The operation, or {@link UndefinedOp} where the form does not exist. */
  static Op decode(Insn insn) {
    if (insn.lock && (insn.opcode & ~3) != 0x120) {
      return UndefinedOp.UD;
    }
    return insn.opcode < 0x100 ? oneByte(insn) : twoByte(insn);
  }

  private static Op oneByte(Insn insn) {
    return switch (insn.opcode) {
      case 0x06 -> SegmentOps.push(insn, CpuState.ES);
      case 0x07 -> SegmentOps.pop(insn, CpuState.ES);
      case 0x0e -> SegmentOps.push(insn, CpuState.CS);
      case 0x16 -> SegmentOps.push(insn, CpuState.SS);
      case 0x17 -> SegmentOps.pop(insn, CpuState.SS);
      case 0x1e -> SegmentOps.push(insn, CpuState.DS);
      case 0x1f -> SegmentOps.pop(insn, CpuState.DS);
      case 0x63 -> SegmentOps.adjustPrivilege(insn);
      case 0x6c, 0x6d, 0x6e, 0x6f -> new PortOps.StringPort(insn);
      case 0x8c -> SegmentOps.moveFrom(insn);
      case 0x8e -> SegmentOps.moveTo(insn);
      case 0x9c -> FlagOps.push(insn);
      case 0x9d -> FlagOps.pop(insn);
      case 0xc4 -> SegmentOps.loadPointer(insn, CpuState.ES);
      case 0xc5 -> SegmentOps.loadPointer(insn, CpuState.DS);
      case 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef -> PortOps.inOut(insn);
      case 0xf4 -> SystemOp.ends(insn, SystemDecode::halt);
      case 0xfa -> SystemOp.middle(insn, FlagOps::clearInterrupts);
      case 0xfb -> SystemOp.ends(insn, FlagOps::setInterrupts);
      default -> farTransfer(insn);
    };
  }

  private static Op farTransfer(Insn insn) {
    int size = insn.operandSize;
    long next = insn.nextRip;
    int selector = insn.immediate2;
    long offset = insn.immediate;
    int release = (int) insn.immediate & 0xffff;
    return switch (insn.opcode) {
      case 0x9a ->
          new SystemOp.Transfer(c -> FarTransfers.call(c, selector, offset, size, next), false);
      case 0xea ->
          new SystemOp.Transfer(c -> FarTransfers.jump(c, selector, offset, size, next), false);
      case 0xca -> new SystemOp.Transfer(c -> FarTransfers.ret(c, size, release), true);
      case 0xcb -> new SystemOp.Transfer(c -> FarTransfers.ret(c, size, 0), true);
      case 0xcc -> new SystemOp.Transfer(c -> Delivery.software(c, GuestFault.BP, next), false);
      case 0xcd ->
          new SystemOp.Transfer(c -> Delivery.software(c, (int) offset & 0xff, next), false);
      case 0xce -> new SystemOp.Transfer(c -> overflow(c, next), false);
      case 0xcf -> new SystemOp.Transfer(c -> Delivery.iret(c, size, next), true);
      case 0xf1 -> new SystemOp.Transfer(c -> Delivery.privileged(c, INT1, next), false);
      case 0xff -> farIndirect(insn);
      default -> throw new IllegalStateException("not a system opcode: " + insn);
    };
  }

  private static void overflow(Cpu c, long next) {
    if (Flags.of(c)) {
      Delivery.software(c, GuestFault.OF, next);
    } else {
      c.rip = next;
      // Not taken, it is no transfer: takes back what the operation adds.
      c.branchCount -= c.transferIncrement;
    }
  }

  /** FF /3 and /5: a far pointer in memory. */
  private static Op farIndirect(Insn insn) {
    if (insn.ea == null) {
      return UndefinedOp.UD;
    }
    Ea ea = insn.memory();
    int size = insn.operandSize;
    long next = insn.nextRip;
    boolean call = insn.extension == 3;
    return new SystemOp.Transfer(
        c -> {
          long linear = ea.read(c, size + 2);
          long offset = SegmentOps.read(c, linear, size);
          int selector = (int) c.mmu.load16(linear + size);
          if (call) {
            FarTransfers.call(c, selector, offset, size, next);
          } else {
            FarTransfers.jump(c, selector, offset, size, next);
          }
        },
        ea.usesStackSegment());
  }

  private static Op twoByte(Insn insn) {
    int size = insn.operandSize;
    long next = insn.nextRip;
    return switch (insn.opcode) {
      case 0x100 -> SegmentOps.group6(insn);
      case 0x101 -> group7(insn);
      case 0x102 -> SegmentOps.examine(insn, false);
      case 0x103 -> SegmentOps.examine(insn, true);
      case 0x105 -> new SystemOp.Transfer(c -> SystemCalls.syscall(c, next), false);
      case 0x106 -> SystemOp.middle(insn, SystemDecode::clearTaskSwitched);
      case 0x107 -> new SystemOp.Transfer(c -> SystemCalls.sysret(c, size), false);
      case 0x108, 0x109 -> SystemOp.middle(insn, SystemDecode::privileged);
      case 0x120, 0x121, 0x122, 0x123 -> moveSystemRegister(insn);
      case 0x130 -> SystemOp.alone(insn, c -> writeMsr(c, insn.rip));
      case 0x131 -> SystemOp.middle(insn, SystemDecode::readTimeStamp);
      case 0x132 -> SystemOp.alone(insn, SystemDecode::readMsr);
      case 0x133 -> SystemOp.middle(insn, SystemDecode::readCounter);
      case 0x134 -> new SystemOp.Transfer(SystemCalls::sysenter, false);
      case 0x135 -> new SystemOp.Transfer(c -> SystemCalls.sysexit(c, size), false);
      case 0x1a0 -> SegmentOps.push(insn, CpuState.FS);
      case 0x1a1 -> SegmentOps.pop(insn, CpuState.FS);
      case 0x1a2 -> SystemOp.middle(insn, SystemDecode::cpuid);
      case 0x1a8 -> SegmentOps.push(insn, CpuState.GS);
      case 0x1a9 -> SegmentOps.pop(insn, CpuState.GS);
      case 0x1b2 -> SegmentOps.loadPointer(insn, CpuState.SS);
      case 0x1b4 -> SegmentOps.loadPointer(insn, CpuState.FS);
      case 0x1b5 -> SegmentOps.loadPointer(insn, CpuState.GS);
      default -> throw new IllegalStateException("not a system opcode: " + insn);
    };
  }

  /** 0F 01. The register forms but SMSW, LMSW and SWAPGS belong to features that are not announced. */
  private static Op group7(Insn insn) {
    if (insn.isRegister()) {
      return switch (insn.extension) {
        case 4, 6 -> machineStatus(insn);
        case 7 ->
            (insn.modrm & 7) == 0 && insn.is64()
                ? SystemOp.middle(insn, SystemDecode::swapGs)
                : UndefinedOp.UD;
        default -> UndefinedOp.UD;
      };
    }
    return switch (insn.extension) {
      case 0 -> SegmentOps.storeTable(insn, false);
      case 1 -> SegmentOps.storeTable(insn, true);
      case 2 -> SegmentOps.loadTable(insn, false);
      case 3 -> SegmentOps.loadTable(insn, true);
      case 4, 6 -> machineStatus(insn);
      case 7 -> invalidatePage(insn);
      default -> UndefinedOp.UD;
    };
  }

  /** SMSW, LMSW. */
  private static Op machineStatus(Insn insn) {
    Ea ea = insn.ea;
    if (insn.extension == 4) {
      int register = insn.rm;
      int size = insn.operandSize;
      return SystemOp.middle(
          insn,
          c -> {
            if (ea != null) {
              c.mmu.store16(ea.write(c, 2), c.cr0);
            } else {
              SegmentOps.setRegister(c, register, size, c.cr0);
            }
          });
    }
    return SystemOp.ends(
        insn,
        c -> {
          privileged(c);
          long status = SegmentOps.source16(c, insn) & 0xf;
          // LMSW can set PE but not clear it.
          ControlRegisters.writeCr0(c, c.cr0 & ~0xeL | status);
          c.attention = true;
        });
  }

  private static Op invalidatePage(Insn insn) {
    Ea ea = insn.memory();
    return SystemOp.ends(
        insn,
        c -> {
          privileged(c);
          long offset = ea.offset(c);
          long linear =
              insn.is64() && ea.segment < CpuState.FS
                  ? offset
                  : c.segments[ea.segment].base + offset;
          if (!insn.is64()) {
            linear &= LOW;
          }
          if (!insn.is64() || linear << 16 >> 16 == linear) {
            c.mmu.flushPage(linear);
          }
        });
  }

  private static Op moveSystemRegister(Insn insn) {
    boolean debug = (insn.opcode & 1) != 0;
    boolean write = (insn.opcode & 2) != 0;
    // AMD reaches CR8 by LOCK MOV CR0 as well; it is not announced.
    if (insn.lock) {
      return UndefinedOp.UD;
    }
    int number = insn.reg;
    int register = insn.rm;
    long mask = insn.is64() ? -1L : LOW;
    if (debug) {
      return write
          ? SystemOp.ends(insn, c -> ControlRegisters.writeDebug(c, number, c.r[register] & mask))
          : SystemOp.middle(insn, c -> c.r[register] = ControlRegisters.readDebug(c, number));
    }
    boolean exists = number == 0 || number >= 2 && number <= 4 || number == 8;
    if (!exists) {
      return UndefinedOp.UD;
    }
    return write
        ? SystemOp.ends(
            insn,
            c -> {
              privileged(c);
              ControlRegisters.write(c, number, c.r[register] & mask);
            })
        : SystemOp.middle(
            insn,
            c -> {
              privileged(c);
              c.r[register] = ControlRegisters.read(c, number) & mask;
            });
  }

  static void privileged(Cpu c) {
    if (c.cpl != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
  }

  private static void halt(Cpu c) {
    privileged(c);
    c.halted = true;
    c.attention = true;
  }

  private static void clearTaskSwitched(Cpu c) {
    privileged(c);
    c.cr0 &= ~ControlRegisters.TS;
  }

  private static void swapGs(Cpu c) {
    privileged(c);
    long base = c.segments[CpuState.GS].base;
    c.segments[CpuState.GS].base = c.kernelGsBase;
    c.kernelGsBase = base;
  }

  private static void readTimeStamp(Cpu c) {
    if (!c.model.hasTsc()) {
      throw c.fault.raise(GuestFault.UD, 0);
    }
    if ((c.cr4 & ControlRegisters.TSD) != 0 && c.cpl != 0) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    long value = Msrs.timeStamp(c);
    c.r[RAX] = value & LOW;
    c.r[RDX] = value >>> 32;
  }

  /** RDPMC: there are no counters (SDM vol. 2B, RDPMC: #GP for an unsupported one). */
  private static void readCounter(Cpu c) {
    throw c.fault.raise(GuestFault.GP, 0);
  }

  private static void readMsr(Cpu c) {
    privileged(c);
    long value = Msrs.read(c, (int) c.r[RCX]);
    c.r[RAX] = value & LOW;
    c.r[RDX] = value >>> 32;
  }

  private static void writeMsr(Cpu c, long rip) {
    privileged(c);
    Msrs.write(c, (int) c.r[RCX], c.r[RAX] & LOW | c.r[RDX] << 32, rip);
    c.attention = true;
  }

  private static void cpuid(Cpu c) {
    CpuidLeaf leaf = c.model.cpuid((int) c.r[RAX], (int) c.r[RCX]);
    c.r[RAX] = leaf.eax() & LOW;
    c.r[RBX] = leaf.ebx() & LOW;
    c.r[RCX] = leaf.ecx() & LOW;
    c.r[RDX] = leaf.edx() & LOW;
  }
}
