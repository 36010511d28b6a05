package dev.lockstep.softcpu;

import java.util.Arrays;

/** A form of the announced instruction set that is not written: executing it stops the machine by name. */
final class UnsupportedOp extends Op {
  private final long rip;
  private final byte[] bytes;
  private final String what;

  UnsupportedOp(Insn insn, String what) {
    this.rip = insn.rip;
    this.bytes = Arrays.copyOf(insn.bytes, insn.length);
    this.what = what;
  }

  @Override
  void exec(Cpu c) {
    throw c.exits.unsupported(rip, bytes, what);
  }

  @Override
  int placement() {
    return ALONE;
  }
}
