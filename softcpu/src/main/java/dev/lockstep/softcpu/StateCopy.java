package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.VmmException;
import dev.lockstep.softcpu.fp.FxsaveImage;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Between the registers of {@link Cpu} and the carrier {@link CpuState}. */
final class StateCopy {
  /** What comes before the TLB in {@code engineState}: x87's last code and data selectors, which FXSAVE64 has no place for, and whether a repeated string instruction is under way. */
  private static final int PREFIX = 12;

  private static final long CR0_PE = 1;
  private static final long FLAG_DF = 1 << 10;
  private static final long FLAG_VM = 1 << 17;

  private final Cpu c;

  StateCopy(Cpu c) {
    this.c = c;
  }

  void get(CpuState s) {
    System.arraycopy(c.r, 0, s.gpr, 0, s.gpr.length);
    s.rip = c.rip;
    s.rflags = Flags.rflags(c);
    for (int i = 0; i < s.segments.length; i++) {
      s.segments[i].set(c.segments[i]);
    }
    s.gdtBase = c.gdtBase;
    s.gdtLimit = c.gdtLimit;
    s.idtBase = c.idtBase;
    s.idtLimit = c.idtLimit;
    s.cr0 = c.cr0;
    s.cr2 = c.cr2;
    s.cr3 = c.cr3;
    s.cr4 = c.cr4;
    s.cr8 = c.cr8;
    s.efer = c.efer;
    s.star = c.star;
    s.lstar = c.lstar;
    s.cstar = c.cstar;
    s.sfmask = c.sfmask;
    s.kernelGsBase = c.kernelGsBase;
    s.sysenterCs = c.sysenterCs;
    s.sysenterEsp = c.sysenterEsp;
    s.sysenterEip = c.sysenterEip;
    s.pat = c.pat;
    s.tscOffset = c.tscOffset;
    System.arraycopy(c.debugAddress, 0, s.debugAddress, 0, s.debugAddress.length);
    s.dr6 = c.dr6;
    s.dr7 = c.dr7;
    Arrays.fill(s.fxsave, (byte) 0);
    FxsaveImage.store64(c.x87.state, c.sse.state, s.fxsave);
    s.halted = c.halted;
    s.shutdown = c.shutdown;
    s.interruptShadow = c.interruptShadow;
    s.nmiBlocked = c.nmiBlocked;
    s.nmiPending = c.nmiPending;
    s.pendingInterrupt = c.pendingInterrupt;
    s.pendingException = c.pendingException;
    s.pendingErrorCode = c.pendingErrorCode;
    s.pendingDebug = c.pendingDebug;
    byte[] buffers = c.mmu.save();
    s.engineState =
        ByteBuffer.allocate(PREFIX + buffers.length)
            .putInt(c.x87.state.fcs)
            .putInt(c.x87.state.fds)
            .putInt(c.midRepeat ? 1 : 0)
            .put(buffers)
            .array();
  }

  void set(CpuState s) {
    check(s);
    System.arraycopy(s.gpr, 0, c.r, 0, s.gpr.length);
    c.rip = s.rip;
    Flags.setRflags(c, s.rflags);
    for (int i = 0; i < s.segments.length; i++) {
      c.segments[i].set(s.segments[i]);
    }
    c.cpl = s.segments[CpuState.CS].selector & 3;
    c.gdtBase = s.gdtBase;
    c.gdtLimit = s.gdtLimit;
    c.idtBase = s.idtBase;
    c.idtLimit = s.idtLimit;
    c.cr0 = s.cr0;
    c.cr2 = s.cr2;
    c.cr3 = s.cr3;
    c.cr4 = s.cr4;
    c.cr8 = s.cr8;
    c.efer = s.efer;
    c.star = s.star;
    c.lstar = s.lstar;
    c.cstar = s.cstar;
    c.sfmask = s.sfmask;
    c.kernelGsBase = s.kernelGsBase;
    c.sysenterCs = s.sysenterCs;
    c.sysenterEsp = s.sysenterEsp;
    c.sysenterEip = s.sysenterEip;
    c.pat = s.pat;
    c.tscOffset = s.tscOffset;
    System.arraycopy(s.debugAddress, 0, c.debugAddress, 0, s.debugAddress.length);
    c.dr6 = s.dr6;
    c.dr7 = s.dr7;
    FxsaveImage.load64(c.x87.state, c.sse.state, s.fxsave);
    c.halted = s.halted;
    c.shutdown = s.shutdown;
    c.interruptShadow = s.interruptShadow;
    c.nmiBlocked = s.nmiBlocked;
    c.nmiPending = s.nmiPending;
    c.pendingInterrupt = s.pendingInterrupt;
    c.pendingException = s.pendingException;
    c.pendingErrorCode = s.pendingErrorCode;
    c.pendingDebug = s.pendingDebug;
    c.mode = CodeMode.of(c);
    restoreEngineState(s.engineState);
    c.mmu.select();
  }

  private void restoreEngineState(byte[] saved) {
    byte[] buffers = saved;
    c.midRepeat = false;
    if (saved.length >= PREFIX) {
      ByteBuffer in = ByteBuffer.wrap(saved);
      c.x87.state.fcs = in.getInt();
      c.x87.state.fds = in.getInt();
      c.midRepeat = in.getInt() != 0;
      buffers = Arrays.copyOfRange(saved, PREFIX, saved.length);
    }
    if (!c.mmu.restore(buffers)) {
      throw new VmmException(
          "the state's engineState of %d bytes is not a translation buffer of this engine"
              .formatted(saved.length),
          "Restore the snapshot with the version of Lockstep that wrote it.");
    }
  }

  private static void check(CpuState s) {
    if ((s.cr0 & CR0_PE) == 0) {
      throw refused("cr0", s.cr0, "is real mode");
    }
    if ((s.rflags & FLAG_VM) != 0) {
      throw refused("rflags", s.rflags, "is virtual-8086 mode");
    }
    if (!FxsaveImage.isValid(s.fxsave)) {
      throw refused("fxsave", s.fxsave[24] & 0xff, "has reserved bits of MXCSR set");
    }
  }

  private static VmmException refused(String field, long value, String why) {
    return new VmmException(
        "the soft engine cannot run from a state whose %s = %#x %s".formatted(field, value, why),
        "Start the guest by a 64-bit or 32-bit boot protocol.");
  }

  /** What tells points apart under {@code BranchSemantics.CONDITIONAL}. */
  long registerDigest() {
    return RegisterDigest.of(c.r, c.systemFlags | (c.direction < 0 ? FLAG_DF : 0));
  }
}
