package dev.lockstep.softcpu;

import dev.lockstep.engine.VcpuExit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An interpreter that counts into an {@link ExecutionTally} what it executes. Its loop is {@link Interpreter#blocks} with two additions a block, so that where its time goes says where the other's goes. A
 * class of its own, so that the other need not ask whether it counts; where no machine is profiled, HotSpot does not even know of it.
 */
final class ProfiledInterpreter extends Interpreter {
  private final ExecutionTally tally;

  /** {@code c.instructions} when the running block or region began. */
  private long began;

  /** Makes one. As an {@link Interpreter}, so that whoever only could make one does not load this class. */
  static Interpreter create(Cpu c, Translation translation, ExecutionTally tally) {
    return new ProfiledInterpreter(c, translation, tally);
  }

  private ProfiledInterpreter(Cpu c, Translation translation, ExecutionTally tally) {
    super(c, translation);
    this.tally = tally;
    tally.begin(this);
  }

  @Override
  @Nullable VcpuExit blocks(long limit) {
    Cpu c = this.c;
    if (c.observation != null) {
      throw new IllegalStateException("a profiled vCPU is not observed");
    }
    c.midRepeat = false;
    Block b = null;
    boolean translated = false;
    int i = 0;
    try {
      b = enter();
      while (!b.alone) {
        began = c.instructions;
        if (translating && isHot(b)) {
          translated = true;
          boolean ran = hotCode.run(b, limit);
          translated = false;
          if (ran) {
            b = null;
            tally.translated += c.instructions - began;
            if (c.branchCount >= limit || c.attention || c.kicked) {
              return null;
            }
            b = enter();
            hotCode.reached(b);
            continue;
          }
        }
        Op[] body = b.body;
        for (i = 0; i < body.length; i++) {
          body[i].exec(c);
        }
        Block next = b.end.go(c);
        c.instructions += b.instructions;
        BlockTally count = count(b);
        count.runs++;
        count.executed += c.instructions - began;
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
        tally.translated += c.instructions - began;
      } else {
        faulted(b, i, fault);
      }
      return null;
    } catch (ExitSignal signal) {
      if (translated) {
        hotCode.stopped();
        tally.translated += c.instructions - began;
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

  /** Heats a block that is not hot yet. */
  private boolean isHot(Block b) {
    int heat = b.heat + b.instructions;
    if (heat >= hot) {
      return true;
    }
    b.heat = heat;
    return false;
  }

  private BlockTally count(Block b) {
    BlockTally count = b.tally;
    if (count == null) {
      count = tally.of(b);
      b.tally = count;
    }
    return count;
  }

  /** What a block had executed before it was left in its middle counts as well; an instruction alone is counted where it was called. */
  @Override
  void stop(@Nullable Block b, int i) {
    super.stop(b, i);
    if (b != null && !c.single) {
      count(b).executed += c.instructions - began;
    }
  }

  @Override
  @Nullable VcpuExit one() {
    long before = c.instructions;
    VcpuExit exit = super.one();
    tally.alone += c.instructions - before;
    return exit;
  }

  @Override
  void deliver(GuestFault fault) {
    tally.raised(fault.vector);
    super.deliver(fault);
  }

  /** The whole, with what is counted elsewhere anyway. */
  ExecutionProfile profile(
      List<ExecutionProfile.BlockCount> blocks, long beyond, List<Long> exceptions) {
    return new ExecutionProfile(
        blocks,
        beyond,
        tally.alone,
        tally.translated,
        c.instructions,
        counts(),
        cache.decodedInstructions(),
        cache.invalidated(),
        c.mmu.dataWalks(),
        c.mmu.fetchWalks(),
        c.mmu.translationsForgotten(),
        exceptions);
  }
}
