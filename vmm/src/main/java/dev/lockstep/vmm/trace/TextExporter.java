package dev.lockstep.vmm.trace;

import java.io.PrintStream;
import java.util.HexFormat;
import java.util.Locale;
import java.util.stream.Collectors;

/** A line a record: number of the instruction, branch count, ring, address, what happened. */
public final class TextExporter implements TraceExporter {
  private final PrintStream out;
  private final SymbolTable symbols;

  /** Writes to a stream. */
  public TextExporter(PrintStream out, SymbolTable symbols) {
    this.out = out;
    this.symbols = symbols;
  }

  @Override
  public void accept(TraceRecord record) {
    TracePosition at = record.at();
    String what =
        switch (record) {
          case TraceRecord.Instruction it -> "insn   " + HexFormat.of().formatHex(it.code());
          case TraceRecord.Branch it ->
              "branch %s %s %s"
                  .formatted(
                      lower(it.kind()), it.taken() ? "to" : "not taken, to", place(it.target()));
          case TraceRecord.Access it ->
              "%s %d bytes at 0x%x (physical 0x%x): 0x%x%s"
                  .formatted(
                      it.write() ? "store " : "load  ",
                      it.size(),
                      it.linear(),
                      it.physical(),
                      it.value(),
                      it.system() ? ", by the CPU" : "");
          case TraceRecord.Resumed it -> "resume cr3 0x%x".formatted(it.cr3());
          case TraceRecord.Left _ -> "leave";
          case TraceRecord.Delivered it ->
              "%s vector 0x%x%s, handler %s"
                  .formatted(
                      lower(it.kind()),
                      it.vector(),
                      it.vector() == 14
                          ? " error 0x%x address 0x%x".formatted(it.errorCode(), it.address())
                          : "",
                      place(it.handler()));
          case TraceRecord.Call it -> call(it);
          case TraceRecord.Port it ->
              "port   %s 0x%x, %d bytes: 0x%x"
                  .formatted(it.write() ? "out" : "in", it.port(), it.width(), it.value());
          case TraceRecord.PageTable it -> "cr3    0x%x to 0x%x".formatted(it.from(), it.to());
          case TraceRecord.Entry it -> "entry  %d: %s".formatted(it.number(), it.name());
        };
    String time =
        at.nanos() == TracePosition.UNKNOWN
            ? ""
            : String.format(Locale.ROOT, " [%.9f s]", at.nanos() / 1e9);
    out.println(
        "%d %d r%d %s %s%s"
            .formatted(at.instruction(), at.branchCount(), at.ring(), place(at.rip()), what, time));
  }

  private static String call(TraceRecord.Call it) {
    return switch (it.kind()) {
      case SYSRET, SYSEXIT -> "return %s: 0x%x".formatted(lower(it.kind()), it.registers().get(0));
      case SYSCALL, SYSENTER, SOFTWARE_INTERRUPT ->
          "call   %s%s number %d (%s)"
              .formatted(
                  lower(it.kind()),
                  it.vector() == 0 ? "" : " 0x%x".formatted(it.vector()),
                  it.registers().get(0),
                  it.registers().stream()
                      .skip(1)
                      .map("0x%x"::formatted)
                      .collect(Collectors.joining(", ")));
    };
  }

  private static String lower(Enum<?> word) {
    return word.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private String place(long address) {
    String name = symbols.name(address);
    return name == null ? "0x%x".formatted(address) : "0x%x <%s>".formatted(address, name);
  }

  @Override
  public void finish() {
    out.flush();
  }
}
