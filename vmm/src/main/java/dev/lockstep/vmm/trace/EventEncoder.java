package dev.lockstep.vmm.trace;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes events: a kind, the position less that of the event before, and the fields in their order. Read by {@link EventDecoder}. */
final class EventEncoder {
  static final int RESUMED = 0;
  static final int LEFT = 1;
  static final int DELIVERED = 2;
  static final int CALL = 3;
  static final int PORT = 4;
  static final int PAGE_TABLE = 5;
  static final int ENTRY = 6;

  private TracePosition last = new TracePosition(0, 0, 0, 0, 0);

  /** A block begins. */
  void reset() {
    last = new TracePosition(0, 0, 0, 0, 0);
  }

  void write(ColumnWriter out, TraceRecord.Event event) {
    switch (event) {
      case TraceRecord.Resumed it -> {
        position(out, RESUMED, it.at());
        out.number(it.cr3());
      }
      case TraceRecord.Left it -> position(out, LEFT, it.at());
      case TraceRecord.Delivered it -> {
        position(out, DELIVERED, it.at());
        out.put(it.kind().ordinal());
        out.put(it.vector());
        out.number(it.errorCode() & 0xffff_ffffL);
        out.number(it.address());
        out.number(it.handler());
        accesses(out, it.accesses());
      }
      case TraceRecord.Call it -> {
        position(out, CALL, it.at());
        out.put(it.kind().ordinal());
        out.put(it.vector());
        out.number(it.registers().size());
        it.registers().forEach(out::number);
      }
      case TraceRecord.Port it -> {
        position(out, PORT, it.at());
        out.number(it.port());
        out.put(it.width() << 1 | (it.write() ? 1 : 0));
        out.number(it.value() & 0xffff_ffffL);
      }
      case TraceRecord.PageTable it -> {
        position(out, PAGE_TABLE, it.at());
        out.number(it.from());
        out.number(it.to());
      }
      case TraceRecord.Entry it -> {
        position(out, ENTRY, it.at());
        out.number(it.number());
        byte[] name = it.name().getBytes(StandardCharsets.UTF_8);
        out.number(name.length);
        out.put(name);
      }
    }
  }

  private static void accesses(ColumnWriter out, List<TraceRecord.Access> accesses) {
    out.number(accesses.size());
    for (TraceRecord.Access it : accesses) {
      out.number(AccessShapes.pack(0, it.size(), it.write(), it.system()));
      out.number(it.linear());
      out.number(it.physical());
      out.number(it.value());
    }
  }

  private void position(ColumnWriter out, int kind, TracePosition at) {
    out.put(kind << 2 | at.ring());
    out.signed(at.instruction() - last.instruction());
    out.signed(at.branchCount() - last.branchCount());
    out.signed(at.rip() - last.rip());
    out.signed(at.nanos() - last.nanos());
    last = at;
  }
}
