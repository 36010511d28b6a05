package dev.lockstep.vmm.trace;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.softcpu.ObservedAccesses;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes groups and events into blocks.
 *
 * <p>FLOW is: the number of groups that {@link FlowModel#guess} names, then one of these numbers, and so on. 0: the block ends. 1: a group of which not all instructions were executed: its code's id, the
 * first instruction, how many. 2: the next event. 3: the group that {@link FlowModel#other} names. 4: the group whose code is the next in CODE. 5 and more: the group with that id, plus 5. In a block
 * with memory accesses each group has its accesses in the other columns.
 */
final class TraceEncoder {
  static final int END = 0;
  static final int PART = 1;
  static final int EVENT = 2;
  static final int OTHER = 3;
  static final int NEW = 4;
  static final int FIRST_ID = 5;

  /** Where a block is full. */
  static final int MAX_GROUPS = 4 << 20;

  private static final int MAX_COLUMN_BYTES = 24 << 20;
  private static final int CHECK_MASK = 0xfff;

  private final TraceWriter writer;
  private final boolean withAccesses;
  private final BranchSemantics semantics;
  private final BlockColumns columns = new BlockColumns();
  private final FlowModel flow = new FlowModel();
  private final AccessEncoder accesses = new AccessEncoder(columns);
  private final EventEncoder events = new EventEncoder();
  private final ColumnWriter flowColumn = columns.of(BlockColumns.Name.FLOW);
  private final long[] counts = new long[TraceKind.values().length];

  private boolean open;

  /** The block says where its next group begins. */
  private boolean positioned;

  private long startInstruction;
  private long startBranchCount;
  private long startNanos;
  private int startCode;
  private int defined;
  private long lastDefinedRip;
  private long guessed;
  private int groups;

  private long instruction;
  private long branchCount;

  TraceEncoder(TraceWriter writer, BranchSemantics semantics, boolean withAccesses) {
    this.writer = writer;
    this.semantics = semantics;
    this.withAccesses = withAccesses;
  }

  /** Whether a group that begins there follows from what was written; else an event must say where it is. */
  boolean continues(long atInstruction, long atBranchCount) {
    return positioned && instruction == atInstruction && branchCount == atBranchCount;
  }

  /** Instructions of a piece of code were executed, with accesses {@code from} to {@code to} (exclusive), the first instruction's being those of {@code step}. */
  void group(
      TraceCode code, int first, int count, ObservedAccesses made, int from, int to, int step) {
    boolean known = code.id >= 0;
    if (!known) {
      code.write(columns.of(BlockColumns.Name.CODE), lastDefinedRip);
      lastDefinedRip = code.rip;
      code.id = defined++;
    }
    if (first != 0 || count != code.instructions()) {
      escape(PART);
      flowColumn.number(code.id);
      flowColumn.number(first);
      flowColumn.number(count);
    } else if (!known) {
      escape(NEW);
    } else if (flow.guess() == code.id) {
      guessed++;
    } else if (flow.other() == code.id) {
      escape(OTHER);
    } else {
      escape(FIRST_ID + code.id);
    }
    flow.executed(code.id);
    instruction += count;
    if (first + count == code.instructions()) {
      branchCount += branches(code.branch, semantics);
    }
    counts[TraceKind.INSTRUCTIONS.ordinal()] += count;
    if (withAccesses) {
      accesses.group(code.id, made, from, to, step);
      counts[TraceKind.MEMORY.ordinal()] += to - from;
    }
    groups++;
    if (groups >= MAX_GROUPS || (groups & CHECK_MASK) == 0 && columns.size() > MAX_COLUMN_BYTES) {
      end();
    }
  }

  /** What the last instruction of some code adds to the branch count when it completes. */
  static int branches(@Nullable BranchKind kind, BranchSemantics semantics) {
    if (kind == null) {
      return 0;
    }
    return switch (semantics) {
      case ALL_TRANSFERS -> 1;
      case CONDITIONAL -> kind == BranchKind.CONDITIONAL ? 1 : 0;
      case ANCHORS -> 0;
    };
  }

  /** Something happened between two groups. */
  void event(TraceRecord.Event event) {
    if (!open) {
      begin(event.at());
    }
    escape(EVENT);
    events.write(columns.of(BlockColumns.Name.EVENTS), event);
    TraceKind kind = kind(event);
    if (kind != null) {
      counts[kind.ordinal()]++;
    }
    switch (event) {
      case TraceRecord.Resumed it -> {
        positioned = true;
        instruction = it.at().instruction();
        branchCount = it.at().branchCount();
      }
      case TraceRecord.Delivered it ->
          branchCount += semantics == BranchSemantics.ALL_TRANSFERS ? 1 : 0;
      default -> {
        // stands where the last group has ended
      }
    }
  }

  private static @Nullable TraceKind kind(TraceRecord.Event event) {
    return switch (event) {
      case TraceRecord.Resumed _, TraceRecord.Left _ -> null;
      case TraceRecord.Delivered _ -> TraceKind.INTERRUPTS;
      case TraceRecord.Call _ -> TraceKind.CALLS;
      case TraceRecord.Port _ -> TraceKind.PORTS;
      case TraceRecord.PageTable _ -> TraceKind.CONTEXT;
      case TraceRecord.Entry _ -> TraceKind.ENTRIES;
    };
  }

  private void escape(int symbol) {
    flowColumn.number(guessed);
    flowColumn.number(symbol);
    guessed = 0;
  }

  private void begin(TracePosition at) {
    open = true;
    positioned = false;
    startInstruction = at.instruction();
    startBranchCount = at.branchCount();
    startNanos = at.nanos();
    startCode = defined;
    groups = 0;
    flow.reset();
    accesses.reset();
    events.reset();
  }

  /** Ends the block, if there is one. */
  void end() {
    if (!open) {
      return;
    }
    escape(END);
    accesses.finish();
    BlockSummary summary =
        new BlockSummary(startInstruction, startBranchCount, startNanos, startCode, counts);
    writer.block(summary, columns.pack());
    Arrays.fill(counts, 0);
    open = false;
    positioned = false;
  }
}
