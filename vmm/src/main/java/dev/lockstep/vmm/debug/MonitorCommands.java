package dev.lockstep.vmm.debug;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.ReopenableLog;
import dev.lockstep.vmm.machine.ReplayCursor;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.trace.SymbolTable;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code monitor} commands answer. */
final class MonitorCommands {
  private static final String HELP =
      """
      monitor info              where the replay stands
      monitor point             the execution point, as monitor goto takes it
      monitor goto COUNT        to the first instruction with a branch count
      monitor goto POINT        to an execution point: COUNT@RIP, or COUNT@RIP rcx=RCX
      monitor goto #ENTRY       to where an entry of the log takes effect
      monitor goto TIME         to a virtual time: 1.5s, 300ms, 20us, 5000ns
      monitor events [FROM [N]] entries of the log
      monitor symbol NAME       the address of a symbol, as break *ADDRESS takes it
      monitor symbol 0xADDRESS  the symbol of an address
      monitor regs              control registers and others that gdb does not show
      """;

  private static final Pattern POINT =
      Pattern.compile("(\\d{1,18})@0x([0-9a-f]{1,16})(?: rcx=0x([0-9a-f]{1,16}))?");
  private static final Pattern ADDRESS = Pattern.compile("0x([0-9a-f]{1,16})");
  private static final Pattern COUNT = Pattern.compile("\\d{1,18}");
  private static final Pattern ENTRY = Pattern.compile("#(\\d{1,18})");
  private static final Pattern TIME = Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(s|ms|us|ns)");
  private static final int EVENTS = 10;
  private static final int MAX_EVENTS = 100;
  private static final String STALE =
      "gdb does not know that it moved: maintenance flush register-cache\n";

  private final TimeTravel travel;
  private final SymbolTable symbols;
  private final ReplayCursor cursor;

  MonitorCommands(TimeTravel travel, SymbolTable symbols) {
    this.travel = travel;
    this.symbols = symbols;
    this.cursor = travel.cursor();
  }

  /** The text to show for a command. */
  String answer(String command) {
    String[] words = command.strip().split("\\s+", 2);
    String operand = words.length > 1 ? words[1].strip() : "";
    try {
      return switch (words[0]) {
        case "info" -> info();
        case "symbol" -> symbol(operand);
        case "point" -> cursor.position().point() + "\n";
        case "goto" -> goTo(operand);
        case "events" -> events(operand);
        case "regs" -> registers();
        case "", "help" -> HELP;
        default -> "There is no command '%s'.\n%s".formatted(words[0], HELP);
      };
    } catch (VmmException e) {
      return "%s\n  %s\n".formatted(e.getMessage(), e.advice());
    }
  }

  private String info() {
    LogHeader header = cursor.header();
    LogEntry next = cursor.nextEntry();
    long[] kept = travel.kept();
    String end = cursor.end();
    return """
    machine      %s, engine %s, CPU model %s
    point        %s
    steps        %d
    virtual time %s
    next entry   %s
    checkpoints  %d, %d KiB
    """
            .formatted(
                header.vm(),
                header.engine(),
                header.cpuModel(),
                standing(),
                cursor.steps(),
                seconds(cursor.virtualNanos()),
                next == null ? "none" : describe(cursor.nextSequence(), next),
                kept[0],
                kept[1] >> 10)
        + (end == null ? "" : end + "\n");
  }

  private String goTo(String target) {
    String wanted = target.toLowerCase(Locale.ROOT);
    Matcher point = POINT.matcher(wanted);
    Matcher entry = ENTRY.matcher(wanted);
    Matcher time = TIME.matcher(wanted);
    if (COUNT.matcher(wanted).matches()) {
      return arrived(travel.goToCount(Long.parseLong(wanted)));
    }
    if (point.matches()) {
      return goToPoint(point);
    }
    if (entry.matches()) {
      return arrived(travel.goToEntry(Long.parseLong(entry.group(1))));
    }
    if (time.matches()) {
      double unit =
          switch (time.group(2)) {
            case "s" -> 1e9;
            case "ms" -> 1e6;
            case "us" -> 1e3;
            default -> 1;
          };
      return arrived(travel.goToTime(Math.round(Double.parseDouble(time.group(1)) * unit)));
    }
    return "monitor goto COUNT, COUNT@0xRIP, COUNT@0xRIP rcx=0xRCX, #ENTRY, or a time as 1.5s\n";
  }

  private String goToPoint(Matcher point) {
    long count = Long.parseLong(point.group(1));
    long rip = Long.parseUnsignedLong(point.group(2), 16);
    String rcx = point.group(3);
    boolean reached =
        travel.goToPoint(count, rip, rcx == null ? null : (Long) Long.parseUnsignedLong(rcx, 16));
    return reached
        ? arrived(TimeTravel.Outcome.DONE)
        : "The replay does not come by %s.\n".formatted(point.group());
  }

  private String arrived(TimeTravel.Outcome outcome) {
    String end = outcome == TimeTravel.Outcome.END ? ", the end of the log" : "";
    return "at %s, %s%s\n%s".formatted(standing(), seconds(cursor.virtualNanos()), end, STALE);
  }

  /** The execution point, with the symbol it is at if that is known. */
  private String standing() {
    ExecutionPoint point = cursor.position().point();
    String name = symbols.name(point.rip());
    return name == null ? point.toString() : "%s <%s>".formatted(point, name);
  }

  private String symbol(String operand) {
    if (symbols.isEmpty()) {
      return "There are no symbols: give 'lockstep debug' a System.map or vmlinux by --symbols.\n";
    }
    Matcher address = ADDRESS.matcher(operand.toLowerCase(Locale.ROOT));
    if (address.matches()) {
      long value = Long.parseUnsignedLong(address.group(1), 16);
      String name = symbols.name(value);
      return name == null
          ? "0x%x has no symbol%n".formatted(value)
          : "0x%x <%s>%n".formatted(value, name);
    }
    Long value = symbols.address(operand);
    return value == null
        ? "There is no symbol '%s'.%n".formatted(operand)
        : "0x%x <%s>%n".formatted(value, operand);
  }

  private String events(String operands) {
    String[] words = operands.isEmpty() ? new String[0] : operands.split("\\s+");
    for (String word : words) {
      if (!COUNT.matcher(word).matches()) {
        return "monitor events [FROM [N]]\n";
      }
    }
    long from = words.length > 0 ? Long.parseLong(words[0]) : cursor.nextSequence();
    long count = words.length > 1 ? Math.min(MAX_EVENTS, Long.parseLong(words[1])) : EVENTS;
    StringBuilder text = new StringBuilder();
    try (ReopenableLog.Source source = cursor.look(from)) {
      for (long i = from; i < from + count; i++) {
        LogEntry entry = source.peek();
        if (entry == null) {
          return text.append("the log ends here\n").toString();
        }
        text.append(describe(i, entry)).append('\n');
        source.advance();
      }
    }
    return text.toString();
  }

  private static String describe(long number, LogEntry entry) {
    String what =
        switch (entry) {
          case LogEntry.ConsoleInput it ->
              "%d bytes for console %d".formatted(it.bytes().length, it.device());
          case LogEntry.DiskCompletion it ->
              "disk device %d completes request %d".formatted(it.device(), it.request());
          case LogEntry.EntropyInput it -> "%d random bytes".formatted(it.bytes().length);
          case LogEntry.NetworkInput it ->
              "%d frames for network device %d".formatted(Frames.count(it.frames()), it.device());
          case LogEntry.ClockEntry it -> "the clock is stepped by %d ns".formatted(it.stepNanos());
          case LogEntry.ControlInput it -> it.control().toString();
          case LogEntry.OutputEntry it ->
              "%d bytes of output on stream %d".formatted(it.length(), it.stream());
          case LogEntry.DigestEntry _ -> "digest";
          case LogEntry.CheckpointMark _ -> "checkpoint";
          case LogEntry.ProgressMark _ -> "progress";
          case LogEntry.UncertainFrom _ -> "not certain any further";
          case LogEntry.EndOfLog it -> "end: " + it.reason();
        };
    return "#%d %s at %s".formatted(number, what, entry.at());
  }

  private String registers() {
    CpuState cpu = cursor.cpu();
    StringBuilder text =
        new StringBuilder(
            "cr0 %016x cr2 %016x%ncr3 %016x cr4 %016x%nefer %08x gdt %016x:%x idt %016x:%x%n"
                .formatted(
                    cpu.cr0,
                    cpu.cr2,
                    cpu.cr3,
                    cpu.cr4,
                    cpu.efer,
                    cpu.gdtBase,
                    cpu.gdtLimit,
                    cpu.idtBase,
                    cpu.idtLimit));
    String[] names = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    for (int i = 0; i < names.length; i++) {
      text.append(
          "%-4s %04x base %016x limit %08x access %05x%n"
              .formatted(
                  names[i],
                  cpu.segments[i].selector,
                  cpu.segments[i].base,
                  cpu.segments[i].limit,
                  cpu.segments[i].access));
    }
    text.append(
        "lstar %016x star %016x sfmask %08x kernel_gs_base %016x%n"
            .formatted(cpu.lstar, cpu.star, cpu.sfmask, cpu.kernelGsBase));
    text.append("dr6 %08x dr7 %08x".formatted(cpu.dr6, cpu.dr7));
    for (int i = 0; i < 4; i++) {
      text.append(" dr%d %016x".formatted(i, cpu.debugAddress[i]));
    }
    return text.append(cpu.halted ? "\nhalted\n" : "\n").toString();
  }

  private static String seconds(long nanos) {
    return "%d.%09d s".formatted(nanos / 1_000_000_000, nanos % 1_000_000_000);
  }
}
