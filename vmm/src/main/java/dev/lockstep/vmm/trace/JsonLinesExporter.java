package dev.lockstep.vmm.trace;

import java.io.PrintStream;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** A JSON object a line. Addresses, values and registers are hexadecimal strings: JSON's numbers have not 64 bits everywhere. */
public final class JsonLinesExporter implements TraceExporter {
  private final PrintStream out;
  private final SymbolTable symbols;
  private final JsonMapper json = new JsonMapper();

  /** Writes to a stream. */
  public JsonLinesExporter(PrintStream out, SymbolTable symbols) {
    this.out = out;
    this.symbols = symbols;
  }

  @Override
  public void accept(TraceRecord record) {
    Map<String, Object> o = new LinkedHashMap<>();
    o.put("kind", kind(record));
    TracePosition at = record.at();
    o.put("instruction", at.instruction());
    o.put("branches", at.branchCount());
    place(o, "rip", at.rip());
    o.put("ring", at.ring());
    if (at.nanos() != TracePosition.UNKNOWN) {
      o.put("nanos", at.nanos());
    }
    fields(o, record);
    out.println(json.writeValueAsString(o));
  }

  private static String kind(TraceRecord record) {
    return switch (record) {
      case TraceRecord.Instruction _ -> "instruction";
      case TraceRecord.Branch _ -> "branch";
      case TraceRecord.Access it -> it.write() ? "store" : "load";
      case TraceRecord.Resumed _ -> "resumed";
      case TraceRecord.Left _ -> "left";
      case TraceRecord.Delivered it -> it.kind().name().toLowerCase(Locale.ROOT);
      case TraceRecord.Call it -> it.kind().name().toLowerCase(Locale.ROOT);
      case TraceRecord.Port it -> it.write() ? "out" : "in";
      case TraceRecord.PageTable _ -> "cr3";
      case TraceRecord.Entry _ -> "entry";
    };
  }

  private void fields(Map<String, Object> o, TraceRecord record) {
    switch (record) {
      case TraceRecord.Instruction it -> o.put("code", HexFormat.of().formatHex(it.code()));
      case TraceRecord.Branch it -> {
        o.put("branch", it.kind().name().toLowerCase(Locale.ROOT));
        o.put("taken", it.taken());
        place(o, "target", it.target());
      }
      case TraceRecord.Access it -> {
        o.put("linear", hex(it.linear()));
        o.put("physical", hex(it.physical()));
        o.put("size", it.size());
        o.put("value", hex(it.value()));
        o.put("system", it.system());
      }
      case TraceRecord.Resumed it -> o.put("cr3", hex(it.cr3()));
      case TraceRecord.Left _ -> {
        // its position says all
      }
      case TraceRecord.Delivered it -> {
        o.put("vector", it.vector());
        o.put("error", it.errorCode());
        o.put("address", hex(it.address()));
        place(o, "handler", it.handler());
      }
      case TraceRecord.Call it -> {
        o.put("vector", it.vector());
        o.put("registers", it.registers().stream().map(JsonLinesExporter::hex).toList());
      }
      case TraceRecord.Port it -> {
        o.put("port", it.port());
        o.put("width", it.width());
        o.put("value", it.value() & 0xffff_ffffL);
      }
      case TraceRecord.PageTable it -> {
        o.put("from", hex(it.from()));
        o.put("to", hex(it.to()));
      }
      case TraceRecord.Entry it -> {
        o.put("number", it.number());
        o.put("name", it.name());
      }
    }
  }

  private void place(Map<String, Object> o, String key, long address) {
    o.put(key, hex(address));
    String name = symbols.name(address);
    if (name != null) {
      o.put(key + "_symbol", name);
    }
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  @Override
  public void finish() {
    out.flush();
  }
}
