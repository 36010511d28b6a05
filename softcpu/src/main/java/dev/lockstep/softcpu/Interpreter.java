package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VcpuExit;
import org.jspecify.annotations.Nullable;

/** Executes blocks, one after the other or one instruction at a time, and hands guest exceptions to their delivery. */
class Interpreter {
  private static final long LOW32 = 0xffff_ffffL;
  private static final long FLAG_TF = 1 << 8;
  private static final long FLAG_RF = 1 << 16;
  private static final long DR6_BS = 1 << 14;

  final Cpu c;
  final BlockCache cache;
  private final BlockBuilder builder;
  final HotCode hotCode;

  /** Whether anything is ever translated: else heat is not worth its counting. */
  final boolean translating;

  /** Instructions executed of a block after which it is hot. */
  final int hot;

  Interpreter(Cpu c, Translation translation) {
    this.c = c;
    this.cache = new BlockCache(c.memory.segment().byteSize());
    this.builder = new BlockBuilder(c, cache);
    this.hotCode = translation.hotCode(c, cache);
    this.translating = hotCode != HotCode.NONE;
    this.hot = translation.threshold() > 0 ? translation.threshold() : hotCode.threshold();
    c.mmu.code.setOwner((page, chunks) -> {
      cache.invalidate(page, chunks);
      hotCode.invalidate(page, chunks);
    });
  }

  /**
   * Executes whole blocks from {@code c.rip} until the count reaches the limit, something asks for attention, a fault was delivered, or an operation exits.
   *
   * @return the exit, or null
   */
  @Nullable VcpuExit blocks(long limit) {
    Cpu c = this.c;
    Observation observation = c.observation;
    if (observation != null) {
      return observedBlocks(limit, observation);
    }
    c.midRepeat = false;
    boolean translating = this.translating;
    HotCode hotCode = this.hotCode;
    int hot = this.hot;
    Block b = null;
    boolean translated = false;
    int i = 0;
    try {
      b = enter();
      while (!b.alone) {
        if (translating) {
          int heat = b.heat + b.instructions;
          // A block that is hot enough keeps its heat.
          if (heat < hot) {
            b.heat = heat;
          } else {
            translated = true;
            boolean ran = hotCode.run(b, limit);
            translated = false;
            if (ran) {
              b = null;
              if (c.branchCount >= limit || c.attention || c.kicked) {
                return null;
              }
              b = enter();
              hotCode.reached(b);
              continue;
            }
          }
        }
        Op[] body = b.body;
        for (i = 0; i < body.length; i++) {
          body[i].exec(c);
        }
        Block next = b.end.go(c);
        c.instructions += b.instructions;
        if (c.branchCount >= limit || c.attention || c.kicked) {
          return null;
        }
        if (next == null || next.dead) {
          Block from = b;
          b = null;
          next = enter();
          if (next.linkable && next.samePage(from)) {
            from.end.link(next);
          }
        }
        b = next;
      }
    } catch (GuestFault fault) {
      if (translated) {
        faulted(hotCode.stopped(), fault);
      } else {
        faulted(b, i, fault);
      }
      return null;
    } catch (ExitSignal signal) {
      if (translated) {
        hotCode.stopped();
        return signalled(null, 0, signal);
      }
      return signalled(b, i, signal);
    }
    if (b == Block.STOP) {
      c.kicked = true;
      return null;
    }
    return one();
  }

  /** Whether a debugger outside stops before the next instruction. */
  boolean stopped() {
    return c.host.stopping && c.host.stopsBefore(linear(c.rip, c.mode));
  }

  /**
   * As {@link #one}, unless a debugger outside stops here.
   *
   * @return the exit that it threw, or null
   */
  @Nullable VcpuExit oneUnlessStopped() {
    if (stopped()) {
      c.kicked = true;
      return null;
    }
    return one();
  }

  /** The same, telling what it executes. Kept apart from {@link #blocks} so that nothing is tested there. */
  private @Nullable VcpuExit observedBlocks(long limit, Observation observation) {
    Cpu c = this.c;
    c.midRepeat = false;
    Block b = null;
    int i = 0;
    try {
      b = enter();
      while (!b.alone) {
        observation.begin(b);
        Op[] body = b.body;
        for (i = 0; i < body.length; i++) {
          observation.at(b.counts[i]);
          body[i].exec(c);
        }
        observation.at(b.counts[i]);
        Block next = b.end.go(c);
        observation.completed(b);
        c.instructions += b.instructions;
        if (c.branchCount >= limit || c.attention || c.kicked) {
          return null;
        }
        if (next == null || next.dead) {
          Block from = b;
          b = null;
          next = enter();
          if (next.linkable && next.samePage(from)) {
            from.end.link(next);
          }
        }
        b = next;
      }
    } catch (GuestFault fault) {
      faulted(b, i, fault);
      return null;
    } catch (ExitSignal signal) {
      return signalled(b, i, signal);
    }
    return one();
  }

  /**
   * Executes one instruction, or one iteration of a repeated string instruction, at {@code c.rip}, whatever it is; keeps the shadows, the trap flag and RF.
   *
   * @return the exit that it threw, or null
   */
  @Nullable VcpuExit one() {
    Cpu c = this.c;
    int shadow = c.interruptShadow;
    long flags = c.systemFlags;
    long pending = c.pendingDebug;
    boolean midRepeat = c.midRepeat;
    Block b = null;
    Observation observation = c.observation;
    c.single = true;
    c.skipTrap = false;
    c.exits.begin();
    try {
      if (c.debug.codeArmed && (flags & FLAG_RF) == 0) {
        breakpoint();
      }
      // RF protects from one check and is gone; IRET may set it again.
      c.systemFlags = flags & ~FLAG_RF;
      c.midRepeat = false;
      b = enterSingle();
      if (observation != null) {
        observation.begin(b);
      }
      b.end.go(c);
      if (observation != null) {
        observation.completedAlone(b);
      }
      c.instructions++;
      c.exits.done();
      // An instruction that sets a shadow that stood already does not prolong it.
      c.interruptShadow &= ~shadow;
      if ((flags & FLAG_TF) != 0 && !c.skipTrap) {
        c.pendingDebug |= DR6_BS;
      }
    } catch (GuestFault fault) {
      c.exits.abandon();
      c.pendingDebug = pending;
      faulted(b, 0, fault);
    } catch (ExitSignal signal) {
      // It will be executed again, as if for the first time.
      c.pendingDebug = pending;
      c.systemFlags |= flags & FLAG_RF;
      c.midRepeat = midRepeat;
      return c.exits.takeThrown();
    } finally {
      c.single = false;
    }
    return null;
  }

  /** The block at {@code c.rip}, entered through the fetch TLB. Raises what the fetch raises. */
  final Block enter() {
    Cpu c = this.c;
    long rip = c.rip;
    int mode = c.mode;
    long linear = linear(rip, mode);
    // Before the fetch, which may fill the TLB and set accessed bits.
    if (c.host.stopsBefore(linear)) {
      return Block.STOP;
    }
    long offset = c.mmu.fetch(linear);
    Block block = cache.jumped(rip, offset, mode);
    if (block != null && (mode == CodeMode.LONG64 || withinLimit(block))) {
      return block;
    }
    return search(linear, offset, false);
  }

  private Block enterSingle() {
    long linear = linear(c.rip, c.mode);
    return search(linear, c.mmu.fetch(linear), true);
  }

  private void breakpoint() {
    long hits = c.debug.code(linear(c.rip, c.mode));
    if (hits != 0) {
      c.dr6 |= hits;
      throw c.fault.raiseBreakpoint();
    }
  }

  private Block search(long linear, long offset, boolean single) {
    builder.refuseDevice(offset, linear);
    Block block = cache.find(c.rip, offset, c.mode, single);
    if (block != null && block.secondPage >= 0) {
      long second = linear + 4096 & -4096L;
      if (c.mode != CodeMode.LONG64) {
        second &= LOW32;
      }
      if (c.mmu.fetch(second) != block.secondPage) {
        block = null;
      }
    }
    if (block == null || !withinLimit(block)) {
      block = builder.build(linear, offset, single);
    }
    if (block.secondPage < 0 && !single) {
      cache.rememberJump(block);
    }
    return block;
  }

  private boolean withinLimit(Block block) {
    return block.mode == CodeMode.LONG64
        || block.rip + block.length - 1 <= c.segments[CpuState.CS].limit;
  }

  private long linear(long rip, int mode) {
    return mode == CodeMode.LONG64 ? rip : c.segments[CpuState.CS].base + rip & LOW32;
  }

  /** Sets RIP to where operation {@code i} of a block begins, and counts what was completed before it. */
  void stop(@Nullable Block b, int i) {
    if (b != null) {
      Observation observation = c.observation;
      if (observation != null) {
        observation.stopped(b, b.counts[i]);
      }
      long rip = b.rip + b.starts[i];
      c.rip = b.mode == CodeMode.LONG64 ? rip : rip & LOW32;
      c.instructions += b.counts[i];
    }
  }

  /** Delivers the exception that operation {@code i} of a block raised, or the fetch before it (no block). */
  final void faulted(@Nullable Block b, int i, GuestFault fault) {
    stop(b, i);
    if (fault.nonCanonical && b != null && operation(b, i).usesStackSegment(c)) {
      fault.raise(GuestFault.SS, 0);
    }
    deliver(fault);
  }

  /** Delivers the exception that an operation of translated code raised, at which everything stands. */
  final void faulted(Op thrower, GuestFault fault) {
    if (fault.nonCanonical && thrower.usesStackSegment(c)) {
      fault.raise(GuestFault.SS, 0);
    }
    deliver(fault);
  }

  /** Delivers an exception; RIP is that of the instruction that raised it. */
  void deliver(GuestFault fault) {
    boolean single = c.single;
    c.single = true;
    try {
      c.interrupts.exception(fault);
    } finally {
      c.single = single;
    }
    c.interruptShadow = 0;
    c.mode = CodeMode.of(c);
  }

  /** An operation of a longer block must start over alone, or exits. */
  final @Nullable VcpuExit signalled(@Nullable Block b, int i, ExitSignal signal) {
    stop(b, i);
    return signal == c.exits.restart() ? one() : c.exits.takeThrown();
  }

  private static Op operation(Block b, int i) {
    return i < b.body.length ? b.body[i] : b.end;
  }

  /** Whether the next instruction must be executed by {@link #one}. */
  boolean mustGoAlone() {
    return c.interruptShadow != 0
        || (c.systemFlags & (FLAG_TF | FLAG_RF)) != 0
        || c.debug.codeArmed;
  }

  /** Delivers an exception at {@code c.rip}, as if the instruction there had raised it. */
  void raise(int vector, int errorCode) {
    faulted(null, 0, c.fault.raise(vector, errorCode));
  }

  TranslationCounts counts() {
    return hotCode.counts(cache.added());
  }

  /** Drops all decoded code. */
  void clear() {
    cache.clear();
    hotCode.clear();
  }

  /** Nothing is executed any more. */
  void close() {
    clear();
    hotCode.close();
  }
}
