package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * MOVS, CMPS, STOS, LODS and SCAS, once or repeated. Each iteration commits its registers, so a fault or a stop finds RCX, RSI and RDI where the completed iterations left them and RIP on the
 * instruction.
 */
final class StringOps {
  private StringOps() {}

  /** The operation for opcodes A4..A7 and AA..AF. */
  static Op decode(Insn insn) {
    int size = (insn.opcode & 1) == 0 ? 1 : insn.operandSize;
    int segment = insn.segmentOverride >= 0 ? insn.segmentOverride : CpuState.DS;
    Ea source = new Ea(insn.mode, insn.addressSize, segment, 6, Cpu.ZERO, 0, 0);
    Ea target = new Ea(insn.mode, insn.addressSize, CpuState.ES, 7, Cpu.ZERO, 0, 0);
    Element element =
        switch (insn.opcode & 0xfe) {
          case 0xa4 -> new Movs(size, insn.addressSize, source, target);
          case 0xa6 -> new Cmps(size, insn.addressSize, source, target);
          case 0xaa -> new Stos(size, insn.addressSize, target);
          case 0xac -> new Lods(size, insn.addressSize, source);
          default -> new Scas(size, insn.addressSize, target);
        };
    return insn.repeat == 0 ? element : new Repeat(insn, element);
  }

  /** One iteration. */
  abstract static class Element extends Op {
    final int size;
    final int addressSize;

    Element(int size, int addressSize) {
      this.size = size;
      this.addressSize = addressSize;
    }

    /** Adds to RSI or RDI, in the address's width. */
    final void advance(Cpu c, int register, long bytes) {
      Operand.set(c, addressSize, register, c.r[register] + bytes);
    }

    final long stride(Cpu c) {
      return (long) c.direction * size;
    }

    /** Whether the flags end a repetition. */
    boolean compares() {
      return false;
    }

    /** As many iterations as can be done at once after the first, at most {@code count}; 0 where that is not possible. */
    long bulk(Cpu c, long count) {
      return 0;
    }
  }

  /** Iterations that stay within the page of {@code linear}, of elements of {@code size} bytes, upwards. */
  private static long withinPage(long linear, int size) {
    return (GuestMemory.PAGE_SIZE - (linear & GuestMemory.PAGE_SIZE - 1)) / size;
  }

  static final class Movs extends Element {
    private final Ea source;
    private final Ea target;

    Movs(int size, int addressSize, Ea source, Ea target) {
      super(size, addressSize);
      this.source = source;
      this.target = target;
    }

    @Override
    void exec(Cpu c) {
      long value = Operand.load(c, size, source.read(c, size));
      Operand.store(c, size, target.write(c, size), value);
      long stride = stride(c);
      advance(c, 6, stride);
      advance(c, 7, stride);
    }

    @Override
    long bulk(Cpu c, long count) {
      if (c.direction < 0 || !source.isFlat() || !target.isFlat()) {
        return 0;
      }
      long from = c.r[6];
      long to = c.r[7];
      long n = Math.min(count, Math.min(withinPage(from, size), withinPage(to, size)));
      long fromOffset = c.mmu.readOffset(from);
      long toOffset = c.mmu.writeOffset(to);
      if (n == 0 || fromOffset < 0 || toOffset < 0) {
        return 0;
      }
      long bytes = n * size;
      MemorySegment memory = c.memory.segment();
      long ahead = toOffset - fromOffset;
      if (ahead > 0 && ahead < bytes) {
        // Each element is read after the elements before it were written: a pattern runs through.
        copyForward(memory, fromOffset, toOffset, bytes);
      } else {
        MemorySegment.copy(memory, fromOffset, memory, toOffset, bytes);
      }
      c.r[6] = from + bytes;
      c.r[7] = to + bytes;
      return n;
    }

    private void copyForward(MemorySegment memory, long from, long to, long bytes) {
      for (long i = 0; i < bytes; i += size) {
        switch (size) {
          case 1 -> memory.set(GuestMemory.U8, to + i, memory.get(GuestMemory.U8, from + i));
          case 2 -> memory.set(GuestMemory.U16, to + i, memory.get(GuestMemory.U16, from + i));
          case 4 -> memory.set(GuestMemory.U32, to + i, memory.get(GuestMemory.U32, from + i));
          default -> memory.set(GuestMemory.U64, to + i, memory.get(GuestMemory.U64, from + i));
        }
      }
    }
  }

  static final class Cmps extends Element {
    private final Ea source;
    private final Ea target;

    Cmps(int size, int addressSize, Ea source, Ea target) {
      super(size, addressSize);
      this.source = source;
      this.target = target;
    }

    @Override
    void exec(Cpu c) {
      long a = Operand.load(c, size, source.read(c, size));
      long b = Operand.load(c, size, target.read(c, size));
      Alu.apply(c, Alu.CMP, size, a, b);
      long stride = stride(c);
      advance(c, 6, stride);
      advance(c, 7, stride);
    }

    @Override
    boolean compares() {
      return true;
    }
  }

  static final class Stos extends Element {
    private final Ea target;

    Stos(int size, int addressSize, Ea target) {
      super(size, addressSize);
      this.target = target;
    }

    @Override
    void exec(Cpu c) {
      Operand.store(c, size, target.write(c, size), c.r[0]);
      advance(c, 7, stride(c));
    }

    @Override
    long bulk(Cpu c, long count) {
      if (c.direction < 0 || !target.isFlat()) {
        return 0;
      }
      long to = c.r[7];
      long n = Math.min(count, withinPage(to, size));
      long offset = c.mmu.writeOffset(to);
      if (n == 0 || offset < 0) {
        return 0;
      }
      long bytes = n * size;
      fill(c.memory.segment(), offset, bytes, pattern(c.r[0]));
      c.r[7] = to + bytes;
      return n;
    }

    /** The element repeated over eight bytes. */
    private long pattern(long value) {
      return switch (size) {
        case 1 -> (value & 0xff) * 0x0101_0101_0101_0101L;
        case 2 -> (value & 0xffff) * 0x0001_0001_0001_0001L;
        case 4 -> (value & 0xffff_ffffL) * 0x0000_0001_0000_0001L;
        default -> value;
      };
    }

    private static void fill(MemorySegment memory, long offset, long bytes, long pattern) {
      long i = 0;
      for (; i + 8 <= bytes; i += 8) {
        memory.set(GuestMemory.U64, offset + i, pattern);
      }
      for (; i < bytes; i++) {
        memory.set(GuestMemory.U8, offset + i, (byte) (pattern >>> 8 * (i & 7)));
      }
    }
  }

  static final class Lods extends Element {
    private final Ea source;

    Lods(int size, int addressSize, Ea source) {
      super(size, addressSize);
      this.source = source;
    }

    @Override
    void exec(Cpu c) {
      Operand.set(c, size, 0, Operand.load(c, size, source.read(c, size)));
      advance(c, 6, stride(c));
    }
  }

  static final class Scas extends Element {
    private final Ea target;

    Scas(int size, int addressSize, Ea target) {
      super(size, addressSize);
      this.target = target;
    }

    @Override
    void exec(Cpu c) {
      long b = Operand.load(c, size, target.read(c, size));
      Alu.apply(c, Alu.CMP, size, c.r[0], b);
      advance(c, 7, stride(c));
    }

    @Override
    boolean compares() {
      return true;
    }
  }

  /**
   * A repeated string instruction: ends its block, so that it can stop before any iteration with RIP on itself. Alone ({@code c.single}) it does one iteration.
   */
  static final class Repeat extends Terminator {
    private final Element element;
    private final long rip;
    private final long nextRip;
    private final boolean whileEqual;
    private @Nullable Block next;

    Repeat(Insn insn, Element element) {
      this.element = element;
      this.rip = insn.rip;
      this.nextRip = insn.nextRip;
      this.whileEqual = insn.repeat == 0xf3;
    }

    @Override
    @Nullable Block go(Cpu c) {
      int addressSize = element.addressSize;
      long count = Operand.get(c, addressSize, 1);
      if (count == 0) {
        c.rip = nextRip;
        return next;
      }
      boolean compares = element.compares();
      while (true) {
        element.exec(c);
        count--;
        Operand.set(c, addressSize, 1, count);
        if (count == 0 || compares && Flags.zf(c) != whileEqual) {
          break;
        }
        if (c.single) {
          c.rip = rip;
          c.midRepeat = true;
          return null;
        }
        c.instructions++;
        // The count is unsigned.
        long n = element.bulk(c, count < 0 ? Long.MAX_VALUE : count - 1);
        if (n > 0) {
          count -= n;
          Operand.set(c, addressSize, 1, count);
          c.instructions += n;
        }
        if (c.kicked) {
          // The block counts this iteration.
          c.instructions--;
          c.rip = rip;
          c.midRepeat = true;
          c.attention = true;
          return null;
        }
      }
      c.rip = nextRip;
      return next;
    }

    @Override
    void link(Block block) {
      if (block.rip == nextRip) {
        next = block;
      }
    }
  }
}
