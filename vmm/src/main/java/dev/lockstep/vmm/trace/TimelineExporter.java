package dev.lockstep.vmm.trace;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * The trace-event format that chrome://tracing and Perfetto read ("Trace Event Format", JSON object form). Time is virtual time. Each CR3 is a process; system calls are slices from their call to their return,
 * interrupts, exceptions, ports and log entries are instants. Instructions, branches and accesses have no time and are left out.
 */
public final class TimelineExporter implements TraceExporter {
  private static final int MACHINE = 0;
  private static final int CALLS = 1;
  private static final int EVENTS = 2;

  private final PrintStream out;
  private final SymbolTable symbols;
  private final JsonMapper json = new JsonMapper();
  private final Map<Long, Integer> processes = new LinkedHashMap<>();
  private int process = MACHINE;
  private boolean first = true;
  private @Nullable String open;
  private long lastNanos;

  /** Begins a document on a stream. */
  public TimelineExporter(PrintStream out, SymbolTable symbols) {
    this.out = out;
    this.symbols = symbols;
    out.print("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    name(MACHINE, "process_name", "machine");
  }

  @Override
  public void accept(TraceRecord record) {
    long nanos = record.at().nanos();
    if (nanos == TracePosition.UNKNOWN) {
      return;
    }
    lastNanos = nanos;
    switch (record) {
      case TraceRecord.Resumed it -> switchTo(it.cr3());
      case TraceRecord.PageTable it -> {
        close();
        switchTo(it.to());
        event("i", "cr3 0x%x".formatted(it.to()), MACHINE, EVENTS, Map.of());
      }
      case TraceRecord.Call it -> call(it);
      case TraceRecord.Delivered it ->
          event(
              "i",
              "%s 0x%x".formatted(it.kind().name().toLowerCase(Locale.ROOT), it.vector()),
              process,
              EVENTS,
              Map.of("rip", place(it.at().rip()), "handler", place(it.handler())));
      case TraceRecord.Port it ->
          event(
              "i",
              "%s 0x%x".formatted(it.write() ? "out" : "in", it.port()),
              MACHINE,
              EVENTS,
              Map.of("value", it.value() & 0xffff_ffffL, "rip", place(it.at().rip())));
      case TraceRecord.Entry it ->
          event("i", it.name(), MACHINE, CALLS, Map.of("entry", it.number()));
      case TraceRecord.Left _,
          TraceRecord.Instruction _,
          TraceRecord.Branch _,
          TraceRecord.Access _ -> {
        // no moments of the timeline
      }
    }
  }

  private void call(TraceRecord.Call it) {
    close();
    switch (it.kind()) {
      case SYSRET, SYSEXIT -> {
        // closed
      }
      case SYSCALL, SYSENTER, SOFTWARE_INTERRUPT -> {
        String name = "system call %d".formatted(it.registers().get(0));
        open = name;
        event("B", name, process, CALLS, Map.of("rip", place(it.at().rip())));
      }
    }
  }

  private void close() {
    String name = open;
    if (name != null) {
      open = null;
      event("E", name, process, CALLS, Map.of());
    }
  }

  private void switchTo(long cr3) {
    process =
        processes.computeIfAbsent(
            cr3,
            value -> {
              int id = processes.size() + 1;
              name(id, "process_name", "cr3 0x%x".formatted(value));
              return id;
            });
  }

  private String place(long address) {
    String name = symbols.name(address);
    return name == null ? "0x%x".formatted(address) : name;
  }

  private void name(int process, String what, String name) {
    print(Map.of("ph", "M", "pid", process, "name", what, "args", Map.of("name", name)));
  }

  private void event(
      String phase, String name, int process, int thread, Map<String, Object> arguments) {
    Map<String, Object> o = new LinkedHashMap<>();
    o.put("ph", phase);
    o.put("name", name);
    o.put("pid", process);
    o.put("tid", thread);
    o.put("ts", lastNanos / 1e3);
    if (phase.equals("i")) {
      o.put("s", "t");
    }
    o.put("args", arguments);
    print(o);
  }

  private void print(Map<String, Object> event) {
    out.print(first ? "\n" : ",\n");
    first = false;
    out.print(json.writeValueAsString(event));
  }

  @Override
  public void finish() {
    close();
    out.println("\n]}");
    out.flush();
  }
}
