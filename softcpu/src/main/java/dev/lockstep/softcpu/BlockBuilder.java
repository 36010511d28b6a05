package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Decodes blocks out of memory and puts them into the {@link BlockCache}. */
final class BlockBuilder {
  private static final int MAX_INSTRUCTIONS = 64;

  private final Cpu c;
  private final BlockCache cache;
  private final Decoder decoder = new Decoder();
  private final byte[] window = new byte[Decoder.MAX_LENGTH];

  private final List<Op> body = new ArrayList<>();
  private final List<Integer> starts = new ArrayList<>();
  private final List<Integer> counts = new ArrayList<>();

  BlockBuilder(Cpu c, BlockCache cache) {
    this.c = c;
    this.cache = cache;
  }

  /**
   * Decodes the block at {@code c.rip}.
   *
   * @param linear the linear address of its first byte
   * @param offset where that byte lies in the mapping
   * @param single whether to take one instruction only, to be executed alone
   */
  Block build(long linear, long offset, boolean single) {
    int mode = c.mode;
    refuse(mode, linear);
    body.clear();
    starts.clear();
    counts.clear();
    long rip = c.rip;
    int page = (int) (GuestMemory.PAGE_SIZE - (offset & GuestMemory.PAGE_SIZE - 1));
    int at = 0;
    int count = 0;
    Terminator end = null;
    while (end == null) {
      if (at > 0 && !single && c.host.stopsBefore(linear + at)) {
        end = fallThrough(rip + at, at, count);
        break;
      }
      Insn insn = decode(mode, rip + at, offset + at, page - at);
      if (decoder.ranOut() && at == 0) {
        return straddling(linear, offset, page, single);
      }
      if (decoder.ranOut() || beyondLimit(insn) && at > 0) {
        end = fallThrough(rip + at, at, count);
        break;
      }
      Op op = operation(insn);
      if (single) {
        return finish(offset, -1, insn.length, alone(op, insn), true);
      }
      if (op.placement() == Op.ALONE) {
        if (at == 0) {
          return finish(offset, -1, insn.length, alone(op, insn), false);
        }
        end = fallThrough(rip + at, at, count);
        break;
      }
      if (op.placement() == Op.ENDS) {
        end = op instanceof Terminator terminator ? terminator : new Terminator.Far(op);
        note(at, count);
        end = fused(end);
        at += insn.length;
        count++;
        break;
      }
      if (op != UnaryOps.Nop.NOP) {
        body.add(op);
        note(at, count);
      }
      at += insn.length;
      count++;
      if (count == MAX_INSTRUCTIONS || at == page) {
        end = fallThrough(rip + at, at, count);
      }
    }
    counts.add(count);
    FlagLiveness.quieten(body, end);
    return finish(offset, -1, at, end, false);
  }

  /** Takes the last operation of the body into the terminator where the pair has a class of its own. */
  private Terminator fused(Terminator end) {
    if (body.isEmpty() || !(end instanceof BranchOps.TwoWay branch)) {
      return end;
    }
    int last = body.size() - 1;
    // With a NOP between them the pair is not worth it.
    if (counts.get(last) + 1 != counts.get(last + 1)) {
      return end;
    }
    Terminator fused = FusedOps.fuse(body.get(last), branch);
    if (fused == null) {
      return end;
    }
    body.remove(last);
    starts.remove(last + 1);
    counts.remove(last + 1);
    return fused;
  }

  private void note(int start, int count) {
    starts.add(start);
    counts.add(count);
  }

  private Terminator fallThrough(long nextRip, int at, int count) {
    note(at, count);
    return new Terminator.FallThrough(c.mode == CodeMode.LONG64 ? nextRip : nextRip & 0xffff_ffffL);
  }

  /** Makes the terminator of a block of one instruction that is executed alone. */
  private Terminator alone(Op op, Insn insn) {
    body.clear();
    starts.clear();
    counts.clear();
    note(0, 0);
    counts.add(1);
    if (op instanceof Terminator terminator) {
      return terminator;
    }
    return op.placement() == Op.MIDDLE
        ? new Terminator.Step(op, insn.nextRip)
        : new Terminator.Far(op);
  }

  private Op operation(Insn insn) {
    if (decoder.tooLong()) {
      return UndefinedOp.TOO_LONG;
    }
    if (beyondLimit(insn)) {
      // Not cached: the limit belongs to CS, not to the code.
      throw c.fault.raise(GuestFault.GP, 0);
    }
    return OpDecode.decode(insn);
  }

  /** Whether an instruction ends past CS's limit: #GP(0) when it is executed. */
  private boolean beyondLimit(Insn insn) {
    return insn.mode != CodeMode.LONG64
        && insn.rip + insn.length - 1 > c.segments[CpuState.CS].limit;
  }

  private Insn decode(int mode, long rip, long offset, int left) {
    int available = Math.min(left, Decoder.MAX_LENGTH);
    MemorySegment.copy(c.memory.segment(), GuestMemory.U8, offset, window, 0, available);
    long wrapped = mode == CodeMode.LONG64 ? rip : rip & 0xffff_ffffL;
    return decoder.decode(mode, wrapped, window, available);
  }

  /** An instruction that goes on in the next page, which is fetched now. */
  private Block straddling(long linear, long offset, int first, boolean single) {
    long secondLinear = linear + first;
    if (c.mode != CodeMode.LONG64) {
      secondLinear &= 0xffff_ffffL;
    }
    long secondPage = c.mmu.fetch(secondLinear);
    refuseDevice(secondPage, secondLinear);
    MemorySegment memory = c.memory.segment();
    MemorySegment.copy(memory, GuestMemory.U8, offset, window, 0, first);
    MemorySegment.copy(
        memory, GuestMemory.U8, secondPage, window, first, Decoder.MAX_LENGTH - first);
    Insn insn = decoder.decode(c.mode, c.rip, window, Decoder.MAX_LENGTH);
    Op op = operation(insn);
    boolean aloneOnly = single || op.placement() == Op.ALONE;
    Terminator end = alone(op, insn);
    Block old = cache.find(c.rip, offset, c.mode, single);
    if (old != null) {
      // The second page lies elsewhere by now.
      cache.remove(old);
    }
    return add(block(offset, secondPage, insn.length, end, aloneOnly, single));
  }

  private Block finish(long offset, long secondPage, int length, Terminator end, boolean single) {
    boolean alone = single || body.isEmpty() && counts.size() == 2 && isAlone(end);
    return add(block(offset, secondPage, length, end, alone, single));
  }

  private static boolean isAlone(Terminator end) {
    return end instanceof Terminator.Far far && far.isAlone();
  }

  private Block block(
      long offset, long secondPage, int length, Terminator end, boolean alone, boolean single) {
    return new Block(
        c.rip,
        offset,
        secondPage,
        c.mode,
        length,
        body.toArray(new Op[0]),
        end,
        shorts(starts),
        shorts(counts),
        alone,
        single);
  }

  private Block add(Block block) {
    int first =
        (int)
            Math.min(
                block.length, GuestMemory.PAGE_SIZE - (block.offset & GuestMemory.PAGE_SIZE - 1));
    c.mmu.markCode(block.offset, first);
    if (block.secondPage >= 0 && first < block.length) {
      c.mmu.markCode(block.secondPage, block.length - first);
    }
    cache.add(block);
    return block;
  }

  private static short[] shorts(List<Integer> values) {
    short[] array = new short[values.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = (short) (int) values.get(i);
    }
    return array;
  }

  private void refuse(int mode, long linear) {
    if (mode == CodeMode.REAL || mode == CodeMode.V86) {
      String what = mode == CodeMode.REAL ? "real mode" : "virtual-8086 mode";
      throw c.exits.unsupported(linear, new byte[0], what);
    }
  }

  /** Code is executed from memory only. */
  void refuseDevice(long offset, long linear) {
    if (offset < 0) {
      throw c.exits.unsupported(linear, new byte[0], "code in a device's address range");
    }
  }
}
