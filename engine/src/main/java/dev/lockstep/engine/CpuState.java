package dev.lockstep.engine;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;

/**
 * The whole architectural state of one vCPU, plus what its engine must keep to continue identically. A carrier: engines fill it and read it, snapshots and logs write it.
 */
public final class CpuState {
  /** Index into {@link #segments}. */
  public static final int ES = 0, CS = 1, SS = 2, DS = 3, FS = 4, GS = 5, LDTR = 6, TR = 7;

  /** Bytes of {@link #fxsave}. */
  public static final int FXSAVE_BYTES = 512;

  private static final int SEGMENTS = 8;
  private static final int MAX_ENGINE_STATE_BYTES = 1 << 20;

  /** RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, in encoding order. */
  public final long[] gpr = new long[16];

  /** Offset of the next instruction within CS. */
  public long rip;

  /** RFLAGS; bit 1 always set. */
  public long rflags = 2;

  /** ES CS SS DS FS GS LDTR TR, in encoding order. */
  public final SegmentRegister[] segments = new SegmentRegister[SEGMENTS];

  /** Descriptor table registers: linear base, limit 0..0xffff. */
  public long gdtBase, idtBase;

  /** Limits of the descriptor tables in bytes. */
  public int gdtLimit, idtLimit;

  /** Control registers. */
  public long cr0, cr2, cr3, cr4, cr8;

  /** Extended feature enable register (MSR 0xc0000080). */
  public long efer;

  /** SYSCALL's MSRs 0xc0000081..0xc0000084 and KERNEL_GS_BASE (0xc0000102). */
  public long star, lstar, cstar, sfmask, kernelGsBase;

  /** SYSENTER's MSRs 0x174..0x176. */
  public long sysenterCs, sysenterEsp, sysenterEip;

  /** Page attribute table (MSR 0x277); stored, without effect on a cacheless engine. */
  public long pat = 0x0007040600070406L;

  /** What the guest added to its TSC by WRMSR 0x10: TSC = source + offset. */
  public long tscOffset;

  /** DR0..DR3. */
  public final long[] debugAddress = new long[4];

  /** DR6 and DR7. */
  public long dr6 = 0xffff0ff0L, dr7 = 0x400;

  /** x87, MMX, XMM and MXCSR as FXSAVE64 writes them (Intel SDM vol. 1 10.5.1). */
  public final byte[] fxsave = new byte[FXSAVE_BYTES];

  /** HLT was executed and nothing has woken the CPU. */
  public boolean halted;

  /** Triple fault. */
  public boolean shutdown;

  /** The next boundary is shadowed by STI (bit 0) or by a load of SS (bit 1). */
  public int interruptShadow;

  /** An NMI was delivered and IRET has not been executed. */
  public boolean nmiBlocked;

  /** An NMI is latched. */
  public boolean nmiPending;

  /** An injected external interrupt waits to be delivered: its vector, or -1. */
  public int pendingInterrupt = -1;

  /** An injected exception waits to be delivered: its vector, or -1. */
  public int pendingException = -1;

  /** Error code of {@link #pendingException}. */
  public int pendingErrorCode;

  /** A single-step or data-breakpoint trap that the next boundary delivers: bits for DR6, or 0. */
  public long pendingDebug;

  /** What only this kind of engine needs for an identical continuation (the TLB on {@code soft}); empty for none. */
  public byte[] engineState = {};

  public CpuState() {
    for (int i = 0; i < SEGMENTS; i++) {
      segments[i] = new SegmentRegister();
      segments[i].access = SegmentRegister.UNUSABLE;
    }
    // FNINIT's control word and MXCSR's reset value (Intel SDM vol. 3A table 9-1).
    fxsave[0] = 0x7f;
    fxsave[1] = 0x03;
    fxsave[24] = (byte) 0x80;
    fxsave[25] = 0x1f;
    fxsave[28] = (byte) 0xff;
    fxsave[29] = (byte) 0xff;
  }

  /** Writes everything, in a fixed order, big-endian. */
  public void writeTo(DataOutput out) throws IOException {
    for (long value : gpr) {
      out.writeLong(value);
    }
    out.writeLong(rip);
    out.writeLong(rflags);
    for (SegmentRegister segment : segments) {
      out.writeInt(segment.selector);
      out.writeLong(segment.base);
      out.writeLong(segment.limit);
      out.writeInt(segment.access);
    }
    for (long value : scalars()) {
      out.writeLong(value);
    }
    for (long value : debugAddress) {
      out.writeLong(value);
    }
    out.write(fxsave);
    out.writeInt(engineState.length);
    out.write(engineState);
  }

  /**
   * Reads what {@link #writeTo} wrote.
   *
   * @throws IOException if the input ends early or a length is out of range
   */
  public void readFrom(DataInput in) throws IOException {
    for (int i = 0; i < gpr.length; i++) {
      gpr[i] = in.readLong();
    }
    rip = in.readLong();
    rflags = in.readLong();
    for (SegmentRegister segment : segments) {
      segment.selector = in.readInt();
      segment.base = in.readLong();
      segment.limit = in.readLong();
      segment.access = in.readInt();
    }
    long[] values = new long[scalars().length];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readLong();
    }
    setScalars(values);
    for (int i = 0; i < debugAddress.length; i++) {
      debugAddress[i] = in.readLong();
    }
    in.readFully(fxsave);
    int length = in.readInt();
    if (length < 0 || length > MAX_ENGINE_STATE_BYTES) {
      throw new IOException("engine state of " + length + " bytes");
    }
    engineState = new byte[length];
    in.readFully(engineState);
  }

  /** Copies everything. */
  public void set(CpuState from) {
    System.arraycopy(from.gpr, 0, gpr, 0, gpr.length);
    rip = from.rip;
    rflags = from.rflags;
    for (int i = 0; i < SEGMENTS; i++) {
      segments[i].set(from.segments[i]);
    }
    setScalars(from.scalars());
    System.arraycopy(from.debugAddress, 0, debugAddress, 0, debugAddress.length);
    System.arraycopy(from.fxsave, 0, fxsave, 0, fxsave.length);
    engineState = from.engineState.clone();
  }

  /** Whether the next that happens to the guest is the delivery of an event, before any instruction. */
  public boolean deliversEvent() {
    return pendingException >= 0
        || pendingInterrupt >= 0
        || pendingDebug != 0
        || nmiPending && !nmiBlocked;
  }

  /**
   * A 64-bit digest of everything the guest can see; {@link #engineState} is left out.
   */
  public long digest() {
    long hash = 0x9e3779b97f4a7c15L;
    hash = mix(hash, Arrays.hashCode(new int[] {segments.length}));
    for (long value : gpr) {
      hash = mix(hash, value);
    }
    hash = mix(mix(hash, rip), rflags);
    for (SegmentRegister segment : segments) {
      hash = mix(mix(hash, segment.selector), segment.base);
      hash = mix(mix(hash, segment.limit), segment.access);
    }
    for (long value : scalars()) {
      hash = mix(hash, value);
    }
    for (long value : debugAddress) {
      hash = mix(hash, value);
    }
    for (int i = 0; i < fxsave.length; i += Long.BYTES) {
      long value = 0;
      for (int j = 0; j < Long.BYTES; j++) {
        value |= (fxsave[i + j] & 0xffL) << (8 * j);
      }
      hash = mix(hash, value);
    }
    return hash;
  }

  private static long mix(long hash, long value) {
    long z = (hash ^ value) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 29)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 32);
  }

  /** Every scalar field after the segments, in the order of the format. */
  private long[] scalars() {
    return new long[] {
      gdtBase,
      gdtLimit,
      idtBase,
      idtLimit,
      cr0,
      cr2,
      cr3,
      cr4,
      cr8,
      efer,
      star,
      lstar,
      cstar,
      sfmask,
      kernelGsBase,
      sysenterCs,
      sysenterEsp,
      sysenterEip,
      pat,
      tscOffset,
      dr6,
      dr7,
      halted ? 1 : 0,
      shutdown ? 1 : 0,
      interruptShadow,
      nmiBlocked ? 1 : 0,
      nmiPending ? 1 : 0,
      pendingInterrupt,
      pendingException,
      pendingErrorCode,
      pendingDebug
    };
  }

  private void setScalars(long[] v) {
    int i = 0;
    gdtBase = v[i++];
    gdtLimit = (int) v[i++];
    idtBase = v[i++];
    idtLimit = (int) v[i++];
    cr0 = v[i++];
    cr2 = v[i++];
    cr3 = v[i++];
    cr4 = v[i++];
    cr8 = v[i++];
    efer = v[i++];
    star = v[i++];
    lstar = v[i++];
    cstar = v[i++];
    sfmask = v[i++];
    kernelGsBase = v[i++];
    sysenterCs = v[i++];
    sysenterEsp = v[i++];
    sysenterEip = v[i++];
    pat = v[i++];
    tscOffset = v[i++];
    dr6 = v[i++];
    dr7 = v[i++];
    halted = v[i++] != 0;
    shutdown = v[i++] != 0;
    interruptShadow = (int) v[i++];
    nmiBlocked = v[i++] != 0;
    nmiPending = v[i++] != 0;
    pendingInterrupt = (int) v[i++];
    pendingException = (int) v[i++];
    pendingErrorCode = (int) v[i++];
    pendingDebug = v[i];
  }
}
