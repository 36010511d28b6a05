package dev.lockstep.softcpu;

import dev.lockstep.softcpu.RegionInsn.FlagEffect;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds, over a whole region, which flags nobody sees, and which conditions can be taken of the operands of the instruction that set them. Flags are seen by instructions that read them, by every
 * instruction that may raise, and where the region is left; there they may be made at the last moment, of operands that were kept.
 */
final class RegionFlags {
  private RegionFlags() {}

  /**
   * Marks the instructions of all blocks.
   *
   * @param parts the blocks' instructions
   * @param successors for each block the numbers of the blocks of the region that follow it
   * @return for each block the instruction whose flags are made only where the region is left; null where the flags are there already
   */
  static @Nullable RegionInsn[] mark(List<List<RegionInsn>> parts, int[][] successors) {
    int n = parts.size();
    @Nullable RegionInsn[] late = new RegionInsn[n];
    for (int i = 0; i < n; i++) {
      findProviders(parts.get(i));
      late[i] = lastSetter(parts.get(i));
    }
    boolean[] seenAtStart = new boolean[n];
    boolean changed = true;
    while (changed) {
      changed = false;
      for (int i = n - 1; i >= 0; i--) {
        boolean seen = late[i] == null;
        for (int next : successors[i]) {
          seen |= seenAtStart[next];
        }
        boolean start = backwards(parts.get(i), seen);
        changed |= start != seenAtStart[i];
        seenAtStart[i] |= start;
      }
    }
    for (int i = 0; i < n; i++) {
      RegionInsn last = late[i];
      if (last != null && last.flagsSeen) {
        late[i] = null;
      } else if (last != null) {
        last.operandsKept = true;
      }
    }
    return late;
  }

  /** Gives whether the flags are seen at a block's start, where they are or are not at its end. */
  private static boolean backwards(List<RegionInsn> part, boolean seenAtEnd) {
    boolean seen = seenAtEnd;
    for (int i = part.size() - 1; i >= 0; i--) {
      RegionInsn insn = part.get(i);
      insn.flagsSeen = seen;
      seen =
          switch (insn.effect) {
            case NONE, CHANGES -> seen;
            case READS -> seen || insn.provider == null;
            case SETS -> readsCarry(insn);
            case ANY -> true;
          };
      seen |= insn.mayRaise;
    }
    return seen;
  }

  /** ADC and SBB. */
  private static boolean readsCarry(RegionInsn insn) {
    int kind = RegionAlu.kind(insn);
    return kind == Alu.ADC || kind == Alu.SBB;
  }

  private static void findProviders(List<RegionInsn> part) {
    RegionInsn setter = null;
    for (RegionInsn insn : part) {
      if (insn.effect == FlagEffect.READS) {
        if (setter != null && RegionConditions.canTake(setter, insn.insn.opcode & 15)) {
          insn.provider = setter;
          setter.operandsKept = true;
        }
      } else if (insn.effect != FlagEffect.NONE) {
        setter = insn.effect == FlagEffect.SETS ? insn : null;
      }
    }
  }

  /** The instruction that alone decides what the flags are at a block's end. */
  private static @Nullable RegionInsn lastSetter(List<RegionInsn> part) {
    for (int i = part.size() - 1; i >= 0; i--) {
      RegionInsn insn = part.get(i);
      if (insn.effect == FlagEffect.SETS) {
        return readsCarry(insn) || insn.form == RegionForm.SHIFT ? null : insn;
      }
      if (insn.effect != FlagEffect.NONE && insn.effect != FlagEffect.READS) {
        return null;
      }
    }
    return null;
  }
}
