package dev.lockstep.softcpu;

import dev.lockstep.softcpu.fp.FxsaveImage;
import dev.lockstep.softcpu.fp.SseState;

/** FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, and moving state images between memory and byte arrays. */
final class FxStateOps {

  private FxStateOps() {}

  /** FXSAVE and FXSAVE64. */
  static final class Save extends Op {
    private final Ea ea;
    private final boolean wide;
    private final int xmmRegisters;

    Save(Insn insn) {
      this.ea = insn.memory();
      this.wide = (insn.rex & 8) != 0;
      this.xmmRegisters = insn.is64() ? 16 : 8;
    }

    @Override
    void exec(Cpu c) {
      FpGate.fxState(c);
      long linear = VectorOp.aligned(c, ea, FxsaveImage.BYTES, true);
      int bytes = FxsaveImage.writtenBytes(xmmRegisters);
      byte[] image = new byte[FxsaveImage.BYTES];
      if (wide) {
        FxsaveImage.store64(c.x87.state, c.sse.state, image);
      } else {
        FxsaveImage.store32(c.x87.state, c.sse.state, image, xmmRegisters);
      }
      // All 512 bytes are the operand, also those that are not written.
      c.mmu.probeWrite(linear, FxsaveImage.BYTES);
      store(c, linear, image, bytes);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** FXRSTOR and FXRSTOR64. */
  static final class Restore extends Op {
    private final Ea ea;
    private final boolean wide;
    private final int xmmRegisters;

    Restore(Insn insn) {
      this.ea = insn.memory();
      this.wide = (insn.rex & 8) != 0;
      this.xmmRegisters = insn.is64() ? 16 : 8;
    }

    @Override
    void exec(Cpu c) {
      FpGate.fxState(c);
      long linear = VectorOp.aligned(c, ea, FxsaveImage.BYTES, false);
      byte[] image = new byte[FxsaveImage.BYTES];
      load(c, linear, image, FxsaveImage.BYTES);
      if (!FxsaveImage.isValid(image)) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      if (wide) {
        FxsaveImage.load64(c.x87.state, c.sse.state, image);
      } else {
        FxsaveImage.load32(c.x87.state, c.sse.state, image, xmmRegisters);
      }
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** LDMXCSR: a reserved bit is #GP(0). */
  static final class LoadMxcsr extends Op {
    private final Ea ea;

    LoadMxcsr(Insn insn) {
      this.ea = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      int value = (int) c.mmu.load32(ea.read(c, 4));
      if ((value & ~SseState.MXCSR_MASK) != 0) {
        throw c.fault.raise(GuestFault.GP, 0);
      }
      c.sse.state.mxcsr = value;
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** STMXCSR. */
  static final class StoreMxcsr extends Op {
    private final Ea ea;

    StoreMxcsr(Insn insn) {
      this.ea = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      FpGate.sse(c);
      c.mmu.store32(ea.write(c, 4), c.sse.state.mxcsr);
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** LFENCE, MFENCE, SFENCE: everything is in order already. */
  static final class Fence extends Op {
    @Override
    void exec(Cpu c) {}
  }

  /** CLFLUSH: no cache, but the address is checked as for a load of a byte (Intel SDM vol. 2A, CLFLUSH). */
  static final class Flush extends Op {
    private final Ea ea;

    Flush(Insn insn) {
      this.ea = insn.memory();
    }

    @Override
    void exec(Cpu c) {
      c.mmu.load8(ea.read(c, 1));
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return ea.usesStackSegment();
    }
  }

  /** Writes the first {@code bytes} of an image; the whole range is checked before the first store. */
  static void store(Cpu c, long linear, byte[] image, int bytes) {
    c.mmu.probeWrite(linear, bytes);
    int at = 0;
    for (; at + 4 <= bytes; at += 4) {
      int value =
          image[at] & 0xff
              | (image[at + 1] & 0xff) << 8
              | (image[at + 2] & 0xff) << 16
              | image[at + 3] << 24;
      c.mmu.store32(linear + at, value);
    }
    for (; at < bytes; at++) {
      c.mmu.store8(linear + at, image[at] & 0xff);
    }
  }

  /** Reads the first {@code bytes} of an image. */
  static void load(Cpu c, long linear, byte[] image, int bytes) {
    int at = 0;
    for (; at + 4 <= bytes; at += 4) {
      int value = (int) c.mmu.load32(linear + at);
      image[at] = (byte) value;
      image[at + 1] = (byte) (value >> 8);
      image[at + 2] = (byte) (value >> 16);
      image[at + 3] = (byte) (value >> 24);
    }
    for (; at < bytes; at++) {
      image[at] = (byte) c.mmu.load8(linear + at);
    }
  }
}
