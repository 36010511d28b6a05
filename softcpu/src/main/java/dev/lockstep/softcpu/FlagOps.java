package dev.lockstep.softcpu;

/** PUSHF, POPF, CLI, STI: RFLAGS with the rules of CPL and IOPL (Intel SDM vol. 2, each instruction). */
final class FlagOps {
  private static final int SHADOW_STI = 1;
  private static final int IOPL_SHIFT = 12;

  private FlagOps() {}

  static Op push(Insn insn) {
    int size = insn.operandSize;
    return SystemOp.middle(
        insn,
        c -> {
          long flags = Flags.rflags(c) & ~(Delivery.FLAG_RF | Delivery.FLAG_VM);
          SystemStack.write(c, -size, size, flags);
          SystemStack.adjust(c, -size);
        });
  }

  static Op pop(Insn insn) {
    int size = insn.operandSize;
    return SystemOp.ends(insn, c -> pop(c, size));
  }

  private static void pop(Cpu c, int size) {
    long value = SystemStack.read(c, 0, size);
    long writable = Flags.ARITHMETIC | Flags.DF | Delivery.FLAG_TF | Delivery.FLAG_NT;
    if (size > 2) {
      writable |= Delivery.FLAG_AC | Delivery.FLAG_ID;
    }
    long cleared = size > 2 ? Delivery.FLAG_RF : 0;
    if (c.cpl == 0) {
      writable |= Delivery.FLAG_IOPL;
      cleared |= size > 2 ? Delivery.FLAG_VIF | Delivery.FLAG_VIP : 0;
    }
    if (c.cpl <= (c.systemFlags >>> IOPL_SHIFT & 3)) {
      writable |= Delivery.FLAG_IF;
    }
    SystemStack.adjust(c, size);
    Flags.setRflags(c, Flags.rflags(c) & ~(writable | cleared) | value & writable);
    c.mmu.select();
    c.attention = true;
  }

  static void clearInterrupts(Cpu c) {
    checkPrivilege(c);
    c.systemFlags &= ~Delivery.FLAG_IF;
  }

  static void setInterrupts(Cpu c) {
    checkPrivilege(c);
    if ((c.systemFlags & Delivery.FLAG_IF) == 0) {
      c.systemFlags |= Delivery.FLAG_IF;
      c.interruptShadow |= SHADOW_STI;
      c.attention = true;
    }
  }

  private static void checkPrivilege(Cpu c) {
    if (c.cpl > (c.systemFlags >>> IOPL_SHIFT & 3)) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
  }
}
