package dev.lockstep.vmm.trace;

import dev.lockstep.softcpu.ExecutionObserver;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads what an {@link EventEncoder} wrote. */
final class EventDecoder {
  private static final int MAX_ITEMS = 1 << 16;
  private static final ExecutionObserver.Delivered[] DELIVERED =
      ExecutionObserver.Delivered.values();
  private static final ExecutionObserver.Call[] CALLS = ExecutionObserver.Call.values();

  private final ColumnReader in;
  private TracePosition last = new TracePosition(0, 0, 0, 0, 0);

  EventDecoder(ColumnReader in) {
    this.in = in;
  }

  TraceRecord.Event next() throws TraceFormatException {
    int head = in.get();
    long instruction = last.instruction() + in.signed();
    long branchCount = last.branchCount() + in.signed();
    long rip = last.rip() + in.signed();
    long nanos = last.nanos() + in.signed();
    TracePosition at = new TracePosition(instruction, branchCount, rip, head & 3, nanos);
    last = at;
    return switch (head >> 2) {
      case EventEncoder.RESUMED -> new TraceRecord.Resumed(at, in.number());
      case EventEncoder.LEFT -> new TraceRecord.Left(at);
      case EventEncoder.DELIVERED ->
          new TraceRecord.Delivered(
              at,
              DELIVERED[in.number(DELIVERED.length - 1)],
              in.get(),
              (int) in.number(),
              in.number(),
              in.number(),
              accesses(at));
      case EventEncoder.CALL ->
          new TraceRecord.Call(at, CALLS[in.number(CALLS.length - 1)], in.get(), registers());
      case EventEncoder.PORT -> port(at);
      case EventEncoder.PAGE_TABLE -> new TraceRecord.PageTable(at, in.number(), in.number());
      case EventEncoder.ENTRY ->
          new TraceRecord.Entry(
              at, in.number(), new String(in.get(in.number(MAX_ITEMS)), StandardCharsets.UTF_8));
      default -> throw new TraceFormatException("an event of kind %d".formatted(head >> 2));
    };
  }

  private TraceRecord.Port port(TracePosition at) throws TraceFormatException {
    int port = in.number(0xffff);
    int how = in.get();
    return new TraceRecord.Port(at, port, how >> 1, (int) in.number(), (how & 1) != 0);
  }

  private List<Long> registers() throws TraceFormatException {
    List<Long> registers = new ArrayList<>();
    for (int n = in.number(16); n > 0; n--) {
      registers.add(in.number());
    }
    return registers;
  }

  private List<TraceRecord.Access> accesses(TracePosition at) throws TraceFormatException {
    List<TraceRecord.Access> accesses = new ArrayList<>();
    for (int n = in.number(MAX_ITEMS); n > 0; n--) {
      int shape = in.number(Integer.MAX_VALUE);
      accesses.add(
          new TraceRecord.Access(
              at,
              in.number(),
              in.number(),
              AccessShapes.size(shape),
              in.number(),
              AccessShapes.isWrite(shape),
              AccessShapes.isSystem(shape)));
    }
    return accesses;
  }
}
