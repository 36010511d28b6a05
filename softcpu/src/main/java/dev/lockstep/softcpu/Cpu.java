package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.softcpu.fp.SseUnit;
import dev.lockstep.softcpu.fp.X87Unit;
import org.jspecify.annotations.Nullable;

/**
 * The registers of the software CPU, and the parts that work on them. Operations reach everything through here; nothing outside {@code softcpu} sees it.
 *
 * <p>Fields are plain and package-wide on purpose: they are the hottest data of the engine, touched by thousands of small operation classes.
 */
final class Cpu {
  /** General registers in encoding order; index {@link #ZERO} reads as zero and is never written, so an addressing mode without base or index needs no branch. What is behind it belongs to {@link NativeFrame}. */
  final long[] r = new long[NativeFrame.LENGTH];

  /** Index of the register that is always zero. */
  static final int ZERO = 16;

  /** Offset of the next instruction in CS. Exact at block boundaries and whenever an operation raises; inside a block operations know their own address. */
  long rip;

  /**
   * Arithmetic flags, lazily: the sign-extended result and the carry-out vector of the last operation that set them, so that no flag needs to know which operation it was. See {@link Flags}.
   */
  long flagResult;

  /** See {@link Flags}. */
  long flagAux;

  /** RFLAGS without CF PF AF ZF SF OF DF: TF IF IOPL NT RF VM AC VIF VIP ID; bit 1 set. */
  long systemFlags = 2;

  /** +1 or -1: DF. */
  int direction = 1;

  /** ES CS SS DS FS GS LDTR TR, as {@code CpuState} orders them. */
  final SegmentRegister[] segments = new SegmentRegister[8];

  /** Current privilege level, 0..3. */
  int cpl;

  long gdtBase;
  int gdtLimit;
  long idtBase;
  int idtLimit;
  long cr0;
  long cr2;
  long cr3;
  long cr4;
  long cr8;
  long efer;
  long star;
  long lstar;
  long cstar;
  long sfmask;
  long kernelGsBase;
  long sysenterCs;
  long sysenterEsp;
  long sysenterEip;
  long pat = 0x0007040600070406L;
  long tscOffset;
  final long[] debugAddress = new long[4];
  long dr6 = 0xffff0ff0L;
  long dr7 = 0x400;

  boolean halted;
  boolean shutdown;

  /** Bit 0: STI shadow, bit 1: MOV SS shadow; cleared after one instruction. */
  int interruptShadow;

  boolean nmiBlocked;
  boolean nmiPending;
  int pendingInterrupt = -1;
  int pendingException = -1;
  int pendingErrorCode;
  long pendingDebug;

  /** Retired branches, by the semantics the CPU was made with. */
  long branchCount;

  /** What a control transfer that is not a conditional branch adds to {@link #branchCount}: 1 when all transfers are counted, else 0. Deliveries of exceptions and interrupts are added by the loop. */
  final int transferIncrement;

  /** Executed instructions, for statistics. */
  long instructions;

  /** Something asks the loop to look around before it goes on to the next block: an event, an exit, a shadow, a debug facility. Set freely; the loop clears it when it finds nothing. */
  boolean attention;

  /** The running operation is alone in its block: it may exit, and may write into its own code. */
  boolean single;

  /** The {@link CodeMode} that code is decoded for. The loop keeps it: after every operation that may change CS, CR0, EFER or RFLAGS.VM, and after every delivery. */
  int mode = CodeMode.REAL;

  /** The running instruction is one after which TF does not trap (INT n, INT3, INTO, SYSCALL: the delivery has cleared it). Set by the operation, taken by the loop. */
  boolean skipTrap;

  /** A repeated string instruction at {@link #rip} has done some of its iterations and not the last: what interrupts it saves RF set (Intel SDM vol. 3B 18.3.1.1). */
  boolean midRepeat;

  /** Which instruction of the running {@link Region} has thrown. */
  int regionAt;

  /** Somebody asked the vCPU to stop; the one field that other threads write. */
  volatile boolean kicked;

  /** Whom the loop and rare operations tell what they do; null when nobody looks. */
  @Nullable Observation observation;

  /** How operations leave the engine. */
  final Exits exits = new Exits(this);

  /** The one guest exception, thrown again and again. */
  final GuestFault fault = new GuestFault();

  /** The stack that a transfer to an inner privilege switches to. */
  final InnerStack innerStack = new InnerStack();

  /** What an event's delivery pushes, without an error code. */
  final long[] frame = new long[5];

  /** The same with one. */
  final long[] frameWithError = new long[6];

  /** x87 and MMX. */
  final X87Unit x87 = new X87Unit();

  /** SSE's arithmetic and MXCSR. */
  final SseUnit sse = new SseUnit();

  /** XMM0..XMM15, low half of XMMi at 2i: the same array as in {@link #sse}. */
  final long[] xmm = sse.state.xmm;

  final CpuModel model;
  final GuestMemory memory;
  final TimeStampCounter tsc;

  /** Hardware breakpoints. */
  final DebugRegisters debug;

  /** What stops the vCPU for a debugger outside. */
  final HostBreakpoints host;

  /** Linear addresses to memory. */
  final Mmu mmu;

  /** Delivery of exceptions and interrupts. */
  final Interrupts interrupts = new Interrupts(this);

  Cpu(CpuModel model, GuestMemory memory, TimeStampCounter tsc, BranchSemantics semantics) {
    this.transferIncrement = semantics == BranchSemantics.ALL_TRANSFERS ? 1 : 0;
    this.model = model;
    this.memory = memory;
    this.tsc = tsc;
    for (int i = 0; i < segments.length; i++) {
      segments[i] = new SegmentRegister();
      segments[i].access = SegmentRegister.UNUSABLE;
    }
    this.debug = new DebugRegisters(this);
    this.host = new HostBreakpoints(this);
    this.mmu = new Mmu(this);
  }
}
