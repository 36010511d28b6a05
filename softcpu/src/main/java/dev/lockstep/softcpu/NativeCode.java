package dev.lockstep.softcpu;

import static dev.lockstep.softcpu.x64.Assembler.R12;
import static dev.lockstep.softcpu.x64.Assembler.R13;
import static dev.lockstep.softcpu.x64.Assembler.R14;
import static dev.lockstep.softcpu.x64.Assembler.R15;
import static dev.lockstep.softcpu.x64.Assembler.R8;
import static dev.lockstep.softcpu.x64.Assembler.R9;
import static dev.lockstep.softcpu.x64.Assembler.RBP;
import static dev.lockstep.softcpu.x64.Assembler.RBX;
import static dev.lockstep.softcpu.x64.Assembler.RCX;
import static dev.lockstep.softcpu.x64.Assembler.RDI;
import static dev.lockstep.softcpu.x64.Assembler.RDX;
import static dev.lockstep.softcpu.x64.Assembler.RSI;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.code.CodeCall;
import dev.lockstep.kvm.code.CodeMemory;
import dev.lockstep.softcpu.NativeBlock.Edge;
import dev.lockstep.softcpu.x64.Assembler;
import dev.lockstep.softcpu.x64.Assembler.Mem;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * The translations of one vCPU into code of the host's processor: made, chained to each other, run and dropped, all in the vCPU's thread.
 *
 * <p>The code is left with a number: that of a direct way out ({@link Edge}), {@link #INDIRECT}, or a negative one that names an instruction which the interpreter has to execute. After such an instruction
 * the code goes on behind it.
 */
final class NativeCode implements HotCode {
  /** Left by an indirect transfer whose target is in {@link NativeFrame#RIP}. */
  static final int INDIRECT = Integer.MAX_VALUE;

  /** Entries of the table of indirect transfers: RIP, address of the code, and the entry that the fast path for fetches must have. */
  static final int JUMPS = 4096;

  static final int JUMP_SHIFT = 5;

  /** Branches after which code comes back for a look around: some ten microseconds. */
  private static final long SLICE = 8192;

  /** What a translation costs is earned by some thousand executed instructions. */
  private static final int THRESHOLD = 2000;

  private static final long BYTES = 32L << 20;

  /** Each takes a kilobyte of heap as well. */
  static final int MAX_BLOCKS = 1 << 15;

  private static final int TABLE_BYTES = JUMPS << JUMP_SHIFT;
  private static final int ENTER = TABLE_BYTES;
  private static final int FIRST = TABLE_BYTES + 4096;
  private static final int ROOM_FOR_ONE = 64 << 10;
  private static final int SLOW = 1 << 31;
  private static final int AT_BITS = 8;

  /** No address of a target, as it is not canonical. */
  private static final long NO_RIP = 1L << 63;

  private static final long LOW32 = 0xffff_ffffL;
  private static final int[] KEPT = {RBX, RBP, R12, R13, R14, R15};
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  private final Cpu c;
  private final @Nullable Random random;
  private final CodeMemory memory = new CodeMemory("lockstep-code", BYTES);
  private final MemorySegment written = memory.written();
  private final MemorySegment function = memory.function(ENTER);
  private final NativeCompiler compiler;
  private final MemorySegment frame;
  private final MemorySegment xmm;
  private final List<NativeBlock> blocks = new ArrayList<>();
  private final List<Edge> edges = new ArrayList<>();
  private int free = FIRST;

  /** The way by which {@link #run} came to its end, or -1. */
  private int last = -1;

  /** What the interpreter executes for the code, and which operation of it. */
  private Block running = Block.STOP;

  private boolean closed;

  private int at;

  private long translated;
  private long entered;
  private long instructions;

  NativeCode(Cpu c, BlockCache cache, Translation translation) {
    this.c = c;
    this.random = translation.seed() == 0 ? null : new Random(translation.seed());
    this.compiler = new NativeCompiler(c.transferIncrement);
    this.frame = MemorySegment.ofArray(c.r);
    this.xmm = MemorySegment.ofArray(c.xmm);
    cache.setTranslations(this);
    thunks(c.memory.segment().address());
    forgetJumps();
  }

  /** Whether the host can execute such code, and the guest's memory is where it can reach it. */
  static boolean isPossible(Cpu c) {
    return c.memory.segment().isNative() && NativeSelfTest.passes();
  }

  /** The number that an instruction of a block is left to the interpreter with. */
  static int slow(int block, int at) {
    return SLOW | block << AT_BITS | at;
  }

  /** The code that is called, which goes to an address with everything in its place, and the code that comes back from there. */
  private void thunks(long guestMemory) {
    Assembler a = new Assembler();
    for (int register : KEPT) {
      a.push(register);
    }
    a.lea(8, RBP, Mem.of(RDI, NativeFrame.BIAS));
    a.store(8, NativeFrame.slot(NativeFrame.LOADS), RSI);
    a.store(8, NativeFrame.slot(NativeFrame.STORES), RDX);
    a.store(8, NativeFrame.slot(NativeFrame.FETCHES), RCX);
    a.store(8, NativeFrame.slot(NativeFrame.XMM), R8);
    a.mov(8, Assembler.RAX, R9);
    a.constant(R15, guestMemory);
    for (int i = 0; i < 16; i++) {
      if (NativeFrame.host(i) >= 0) {
        a.load(8, NativeFrame.host(i), NativeFrame.slot(i));
      }
    }
    a.jmp(Assembler.RAX);
    int leave = a.size();
    for (int i = 0; i < 16; i++) {
      if (NativeFrame.host(i) >= 0) {
        a.store(8, NativeFrame.slot(i), NativeFrame.host(i));
      }
    }
    for (int i = KEPT.length - 1; i >= 0; i--) {
      a.pop(KEPT[i]);
    }
    a.ret();
    MemorySegment.copy(a.bytes(), 0, written, ValueLayout.JAVA_BYTE, ENTER, a.size());
    c.r[NativeFrame.LEAVE] = memory.address(ENTER + leave);
    c.r[NativeFrame.JUMPS] = memory.address(0);
  }

  // ---------------------------------------------------------------- running

  @Override
  public int threshold() {
    return THRESHOLD;
  }

  @Override
  public boolean run(Block block, long limit) {
    NativeBlock made = block.code;
    Random dice = random;
    if (dice != null && dice.nextInt(made == null ? 4 : 2) != 0) {
      return false;
    }
    if (made == null) {
      made = translate(block);
      if (made == null) {
        return false;
      }
    }
    run(made, limit);
    return true;
  }

  private void run(NativeBlock first, long limit) {
    Cpu c = this.c;
    int exit = call(first.entry, limit);
    while (exit < 0) {
      NativeBlock made = blocks.get((exit & ~SLOW) >>> AT_BITS);
      int k = exit & (1 << AT_BITS) - 1;
      Block plain = made.plain;
      running = plain;
      at = k;
      Op[] body = plain.body;
      if (k == body.length) {
        finish(plain, k);
        return;
      }
      body[k].exec(c);
      if (c.attention || c.kicked || made.block.dead) {
        finish(plain, k + 1);
        return;
      }
      exit = call(made.resume[k], limit);
    }
    last = exit;
    c.rip = exit == INDIRECT ? c.r[NativeFrame.RIP] : edges.get(exit).rip;
  }

  @Override
  public Op stopped() {
    Block plain = running;
    c.rip = plain.rip + plain.starts[at];
    c.instructions += plain.counts[at];
    last = -1;
    return at < plain.body.length ? plain.body[at] : plain.end;
  }

  /** Executes the rest of a block by its operations. */
  private void finish(Block plain, int from) {
    Op[] body = plain.body;
    for (at = from; at < body.length; at++) {
      body[at].exec(c);
    }
    at = body.length;
    plain.end.go(c);
    c.instructions += plain.instructions;
    last = -1;
  }

  private int call(int offset, long limit) {
    Cpu c = this.c;
    long[] r = c.r;
    FastPaths fast = c.mmu.fast;
    long budget = Math.min(limit - c.branchCount, SLICE);
    r[NativeFrame.COUNTS] = -budget << NativeFrame.BRANCH_SHIFT;
    r[NativeFrame.FLAGS] = NativeFlags.of(c);
    r[NativeFrame.FS_BASE] = c.segments[CpuState.FS].base;
    r[NativeFrame.GS_BASE] = c.segments[CpuState.GS].base;
    r[NativeFrame.VECTORS] = FpGate.isOpen(c) ? 1 : 0;
    entered++;
    CodeCall.call(
        function,
        frame,
        fast.loadSegment,
        fast.storeSegment,
        fast.fetchSegment,
        xmm,
        memory.address(offset));
    long counts = r[NativeFrame.COUNTS];
    c.branchCount += budget + (counts >> NativeFrame.BRANCH_SHIFT);
    c.instructions += counts & LOW32;
    instructions += counts & LOW32;
    NativeFlags.set(c, r[NativeFrame.FLAGS]);
    return (int) r[NativeFrame.EXIT];
  }

  // ---------------------------------------------------------------- translating

  /** Translates a block, which lies in memory as it was decoded; null where it cannot be. */
  private @Nullable NativeBlock translate(Block block) {
    if (c.host.stopping) {
      return null;
    }
    if (block.mode != CodeMode.LONG64 || !block.linkable || block.end.nearTargets() == null) {
      block.heat = NEVER;
      return null;
    }
    if (free + ROOM_FOR_ONE > BYTES || blocks.size() == MAX_BLOCKS) {
      clear();
    }
    NativeBlock made =
        new NativeBlock(block, compiler.plain(block, c.memory.segment()), blocks.size());
    compiler.translate(made, edges.size());
    Assembler a = compiler.a;
    int base = free;
    int size = a.size();
    MemorySegment.copy(a.buffer(), 0, written, ValueLayout.JAVA_BYTE, base, size);
    made.entry = base;
    for (int k = 0; k < made.resume.length; k++) {
      made.resume[k] += base;
    }
    for (NativeCompiler.Way way : compiler.ways) {
      Edge edge =
          new Edge(made, way.rip(), base + way.cell().at(), base + way.stub().at(), way.crosses());
      edges.add(edge);
      unlink(edge);
    }
    free = base + size + 15 & -16;
    blocks.add(made);
    block.code = made;
    translated++;
    return made;
  }

  // ---------------------------------------------------------------- chaining

  /** From now on the code goes there by itself, if it may. */
  @Override
  public void reached(Block next) {
    int way = last;
    last = -1;
    NativeBlock to = next.code;
    if (way < 0 || to == null || next.dead) {
      return;
    }
    if (way == INDIRECT) {
      rememberJump(next, to);
      return;
    }
    Edge edge = edges.get(way);
    // It may have been left here for its count alone.
    if (edge.rip != next.rip || edge.leadsTo(to)) {
      return;
    }
    if (edge.crosses) {
      written.set(LONG, edge.cell + 16, next.offset - next.rip);
    } else if (!next.samePage(edge.from.block)) {
      return;
    }
    written.set(LONG, edge.cell, memory.address(to.entry));
    edge.lead(to);
  }

  private void unlink(Edge edge) {
    written.set(LONG, edge.cell, memory.address(edge.stub));
  }

  private static int jump(long rip) {
    return ((int) rip ^ (int) (rip >>> 12)) & JUMPS - 1;
  }

  private void rememberJump(Block next, NativeBlock to) {
    long entry = (long) jump(next.rip) << JUMP_SHIFT;
    written.set(LONG, entry, next.rip);
    written.set(LONG, entry + 8, memory.address(to.entry));
    written.set(LONG, entry + 16, next.rip & -GuestMemory.PAGE_SIZE);
    written.set(LONG, entry + 24, next.offset - next.rip);
  }

  private void forgetJumps() {
    for (int i = 0; i < JUMPS; i++) {
      written.set(LONG, (long) i << JUMP_SHIFT, NO_RIP);
    }
  }

  // ---------------------------------------------------------------- dropping

  /** A block was dropped: no code leads to its translation any more. It may be running now, and goes on to its end. */
  void drop(NativeBlock made) {
    made.block.code = null;
    for (Edge edge = made.takeIncoming(); edge != null; edge = made.takeIncoming()) {
      unlink(edge);
    }
    long entry = (long) jump(made.block.rip) << JUMP_SHIFT;
    if (written.get(LONG, entry + 8) == memory.address(made.entry)) {
      written.set(LONG, entry, NO_RIP);
    }
  }

  /** What has to be dropped goes with its blocks: {@link #drop}. */
  @Override
  public void invalidate(long page, long chunks) {}

  @Override
  public TranslationCounts counts(long decoded) {
    return new TranslationCounts(decoded, translated, entered, instructions);
  }

  /** Forgets all translations. Not while code runs. */
  @Override
  public void clear() {
    if (closed) {
      return;
    }
    for (NativeBlock made : blocks) {
      if (made.block.code == made) {
        made.block.code = null;
        made.block.heat = 0;
      }
    }
    blocks.clear();
    edges.clear();
    forgetJumps();
    free = FIRST;
    last = -1;
  }

  @Override
  public void close() {
    if (!closed) {
      clear();
      closed = true;
      memory.close();
    }
  }
}
