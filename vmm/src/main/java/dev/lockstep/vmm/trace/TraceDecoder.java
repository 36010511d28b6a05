package dev.lockstep.vmm.trace;

import dev.lockstep.engine.BranchSemantics;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads one block as a {@link TraceEncoder} wrote it. */
final class TraceDecoder {
  /** Gets what a block has, in order. */
  interface Items {
    /** Instructions of a piece of code; {@code accesses} has theirs if the trace has any. */
    void group(
        TraceCode code,
        int first,
        int count,
        long instruction,
        long branchCount,
        @Nullable AccessDecoder accesses);

    /** Something between two groups. */
    void event(TraceRecord.Event event);
  }

  private static final int MAX_CODE = 1 << 30;

  private final BranchSemantics semantics;
  private final List<TraceCode> codes;
  private final Items items;
  private final ColumnReader flow;
  private final EventDecoder events;
  private final @Nullable AccessDecoder accesses;
  private final FlowModel model = new FlowModel();
  private final int limit;
  private int fresh;
  private int groups;
  private boolean positioned;
  private long instruction;
  private long branchCount;

  /**
   * @param columns the block's columns
   * @param codes all code up to the block's end; the block's own begins at {@code firstCode}
   */
  TraceDecoder(
      ByteBuffer columns, TraceHeader header, List<TraceCode> codes, int firstCode, Items items)
      throws TraceFormatException {
    this.semantics = header.semantics();
    this.codes = codes;
    this.items = items;
    this.fresh = firstCode;
    this.limit = codes.size();
    this.flow = BlockColumns.unpack(columns, BlockColumns.Name.FLOW);
    this.events = new EventDecoder(BlockColumns.unpack(columns, BlockColumns.Name.EVENTS));
    this.accesses = header.kinds().contains(TraceKind.MEMORY) ? new AccessDecoder(columns) : null;
  }

  /** Adds the code that a block defines. */
  static void readCode(ByteBuffer columns, List<TraceCode> into) throws TraceFormatException {
    ColumnReader in = BlockColumns.unpack(columns, BlockColumns.Name.CODE);
    while (in.hasMore()) {
      long last = into.isEmpty() ? 0 : into.getLast().rip;
      into.add(TraceCode.read(in, into.size(), last));
    }
  }

  void run() throws TraceFormatException {
    while (true) {
      for (long guessed = flow.number(); guessed > 0; guessed--) {
        whole(model.guess());
      }
      int symbol = flow.number(MAX_CODE);
      switch (symbol) {
        case TraceEncoder.END -> {
          return;
        }
        case TraceEncoder.PART -> part();
        case TraceEncoder.EVENT -> event();
        case TraceEncoder.OTHER -> whole(model.other());
        case TraceEncoder.NEW -> whole(fresh);
        default -> whole(symbol - TraceEncoder.FIRST_ID);
      }
    }
  }

  private void event() throws TraceFormatException {
    TraceRecord.Event event = events.next();
    if (event instanceof TraceRecord.Resumed it) {
      positioned = true;
      instruction = it.at().instruction();
      branchCount = it.at().branchCount();
    }
    items.event(event);
    if (event instanceof TraceRecord.Delivered && semantics == BranchSemantics.ALL_TRANSFERS) {
      branchCount++;
    }
  }

  private void whole(int id) throws TraceFormatException {
    group(id, 0, code(id).instructions());
  }

  private void part() throws TraceFormatException {
    int id = flow.number(MAX_CODE);
    int first = flow.number(MAX_CODE);
    int count = flow.number(MAX_CODE);
    if (count > code(id).instructions() - first || count == 0) {
      throw new TraceFormatException(
          "%d instructions from %d on of code that has %d"
              .formatted(count, first, code(id).instructions()));
    }
    group(id, first, count);
  }

  private TraceCode code(int id) throws TraceFormatException {
    if (id < 0 || id >= limit) {
      throw new TraceFormatException("code %d of %d".formatted(id, limit));
    }
    return codes.get(id);
  }

  private void group(int id, int first, int count) throws TraceFormatException {
    if (!positioned) {
      throw new TraceFormatException("code without a position");
    }
    if (id > fresh) {
      throw new TraceFormatException("code %d before code %d".formatted(id, fresh));
    }
    if (id == fresh) {
      fresh++;
    }
    // A few bytes can say that a guess was right for ever.
    if (++groups > TraceEncoder.MAX_GROUPS) {
      throw new TraceFormatException(
          "a block of more than %d groups".formatted(TraceEncoder.MAX_GROUPS));
    }
    TraceCode code = code(id);
    model.executed(id);
    if (accesses != null) {
      accesses.group(id);
    }
    items.group(code, first, count, instruction, branchCount, accesses);
    instruction += count;
    if (first + count == code.instructions()) {
      branchCount += TraceEncoder.branches(code.branch, semantics);
    }
  }
}
