package dev.lockstep.vmm.debug;

import dev.lockstep.engine.DebuggableVcpu.Watchpoint;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.machine.ReplayCursor;
import dev.lockstep.vmm.trace.SymbolTable;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Answers gdb's commands (GDB manual, E.2 to E.8) about a replay. The cursor's thread. */
final class GdbStub {
  /** What follows from a command for the connection. */
  enum After {
    /** Goes on. */
    NOTHING,
    /** The client leaves. */
    DETACH,
    /** The client wants the target to end. */
    KILL
  }

  private static final String REFUSED = "E.a replay is not changed";
  private static final String MALFORMED = "E16";
  private static final String UNREADABLE = "E0e";
  private static final int MAX_POINTS = 1024;
  private static final int MAX_WATCHED_BYTES = 1 << 20;

  private record Breakpoint(char type, long address, int length) {
    Watchpoint watchpoint() {
      return new Watchpoint(address, length, type != '2', type != '3');
    }
  }

  private final TimeTravel travel;
  private final ReplayCursor cursor;
  private final MonitorCommands monitor;
  private final PacketLink link;
  private final Set<Breakpoint> breakpoints = new LinkedHashSet<>();
  private String lastStop = "T05thread:01;";

  GdbStub(TimeTravel travel, SymbolTable symbols, PacketLink link) {
    this.travel = travel;
    this.cursor = travel.cursor();
    this.monitor = new MonitorCommands(travel, symbols);
    this.link = link;
  }

  /** Answers one packet. */
  After answer(String packet) {
    try {
      return answerWellFormed(packet);
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      link.send(MALFORMED);
      return After.NOTHING;
    }
  }

  private After answerWellFormed(String packet) {
    if (packet.isEmpty()) {
      link.send("");
      return After.NOTHING;
    }
    String rest = packet.substring(1);
    switch (packet.charAt(0)) {
      case '?' -> link.send(lastStop);
      case 'g' -> link.send(GdbRegisters.all(cursor.cpu()));
      case 'p' -> link.send(register(rest));
      case 'm' -> link.send(memory(rest));
      case 'G', 'P', 'M', 'X' -> link.send(REFUSED);
      case 'H', 'T' -> link.send("OK");
      case 'Z' -> link.send(insert(rest));
      case 'z' -> link.send(remove(rest));
      case 's', 'S' -> move(packet, 1, travel::stepForward);
      case 'c', 'C' -> move(packet, 1, travel::continueForward);
      case 'b' -> backwards(packet);
      case 'q', 'Q' -> query(packet);
      case 'D' -> {
        link.send("OK");
        return After.DETACH;
      }
      case 'k' -> {
        return After.KILL;
      }
      case 'v' -> {
        if (packet.startsWith("vKill")) {
          link.send("OK");
          return After.KILL;
        }
        link.send("");
      }
      default -> link.send("");
    }
    return After.NOTHING;
  }

  private void backwards(String packet) {
    switch (packet) {
      case "bs" -> move(packet, 2, travel::stepBack);
      case "bc" -> move(packet, 2, travel::continueBack);
      default -> link.send("");
    }
  }

  /** A way to move. */
  private interface Move {
    TimeTravel.Outcome go();
  }

  private void move(String packet, int operands, Move move) {
    boolean plain = packet.charAt(0) == 's' || packet.charAt(0) == 'c';
    if (plain && packet.length() > operands || packet.indexOf(';') >= 0) {
      // To go on at another address would change the replay.
      link.send(REFUSED);
      return;
    }
    arm();
    try {
      lastStop = stopped(move.go());
    } catch (VmmException e) {
      link.send("O" + Hex.of("lockstep: %s%n  %s%n".formatted(e.getMessage(), e.advice())));
      lastStop = "T05thread:01;";
    }
    link.send(lastStop);
  }

  private void arm() {
    List<Watchpoint> watched = new ArrayList<>();
    List<Long> stops = new ArrayList<>();
    for (Breakpoint each : breakpoints) {
      if (each.type >= '2') {
        watched.add(each.watchpoint());
      } else {
        stops.add(each.address);
      }
    }
    cursor.stopBefore(stops.stream().mapToLong(Long::longValue).distinct().toArray());
    cursor.watch(watched);
  }

  private String stopped(TimeTravel.Outcome outcome) {
    return switch (outcome) {
      case DONE -> "T05thread:01;";
      case BREAKPOINT -> "T05thread:01;" + (software() ? "swbreak" : "hwbreak") + ":;";
      case WATCHPOINT -> "T05thread:01;" + watch();
      case INTERRUPTED -> "T02thread:01;";
      case BEGINNING -> "T05thread:01;replaylog:begin;";
      case END -> {
        String end = cursor.end();
        link.send("O" + Hex.of("lockstep: %s%n".formatted(end)));
        yield "T05thread:01;replaylog:end;";
      }
    };
  }

  private boolean software() {
    long rip = cursor.position().point().rip();
    return breakpoints.stream().anyMatch(each -> each.type == '0' && each.address == rip);
  }

  private String watch() {
    Watchpoint hit = travel.watched();
    for (Breakpoint each : breakpoints) {
      if (each.type >= '2' && each.watchpoint().equals(hit)) {
        String kind =
            switch (each.type) {
              case '2' -> "watch";
              case '3' -> "rwatch";
              default -> "awatch";
            };
        return "%s:%x;".formatted(kind, each.address);
      }
    }
    return "";
  }

  private String insert(String operands) {
    Breakpoint point = breakpoint(operands);
    if (point == null) {
      return "";
    }
    if (breakpoints.size() >= MAX_POINTS && !breakpoints.contains(point)) {
      return "E.more than %d breakpoints".formatted(MAX_POINTS);
    }
    breakpoints.add(point);
    return "OK";
  }

  private String remove(String operands) {
    Breakpoint point = breakpoint(operands);
    if (point == null) {
      return "";
    }
    breakpoints.remove(point);
    return "OK";
  }

  /** {@code type,address,kind}, what follows is ignored: conditions are gdb's own. Null for a type that is unknown. */
  private static @Nullable Breakpoint breakpoint(String operands) {
    char type = operands.charAt(0);
    if (type < '0' || type > '4') {
      return null;
    }
    String[] parts = operands.split("[,;]", -1);
    long length = Hex.number(parts[2]);
    if (type >= '2' && (length < 1 || length > MAX_WATCHED_BYTES)) {
      throw new IllegalArgumentException("a watchpoint of %d bytes".formatted(length));
    }
    return new Breakpoint(type, Hex.number(parts[1]), type < '2' ? 0 : (int) length);
  }

  private String register(String operand) {
    long number = Hex.number(operand);
    return number >= 0 && number < GdbRegisters.COUNT
        ? GdbRegisters.one(cursor.cpu(), (int) number)
        : MALFORMED;
  }

  private String memory(String operands) {
    int comma = operands.indexOf(',');
    long address = Hex.number(operands.substring(0, comma));
    long length = Hex.number(operands.substring(comma + 1));
    if (length < 0) {
      return MALFORMED;
    }
    int bounded = (int) Math.min(length, PacketLink.MAX_PACKET_BYTES / 2);
    byte[] bytes = new LinearView(cursor.cpu(), cursor.memory()).bytes(address, bounded);
    return bytes.length == 0 && length > 0 ? UNREADABLE : Hex.of(bytes, 0, bytes.length);
  }

  private void query(String packet) {
    if (packet.startsWith("qSupported")) {
      link.send(
          ("PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;"
                  + "ReverseStep+;ReverseContinue+")
              .formatted(PacketLink.MAX_PACKET_BYTES));
    } else if (packet.equals("QStartNoAckMode")) {
      link.send("OK");
      link.withoutAcknowledgements();
    } else if (packet.startsWith("qXfer:features:read:target.xml:")) {
      link.send(part(GdbRegisters.description(), packet.substring(packet.lastIndexOf(':') + 1)));
    } else if (packet.startsWith("qRcmd,")) {
      String text = monitor.answer(Hex.text(packet.substring("qRcmd,".length())));
      lastStop = "T05thread:01;";
      link.send(text.isEmpty() ? "OK" : Hex.of(text));
    } else {
      switch (packet) {
        case "qAttached" -> link.send("1");
        case "qC" -> link.send("QC01");
        case "qfThreadInfo" -> link.send("m01");
        case "qsThreadInfo" -> link.send("l");
        default -> link.send("");
      }
    }
  }

  private static String part(String whole, String operands) {
    int comma = operands.indexOf(',');
    long offset = Hex.number(operands.substring(0, comma));
    long length = Hex.number(operands.substring(comma + 1));
    if (offset < 0 || length < 0) {
      throw new IllegalArgumentException("a part from %d on".formatted(offset));
    }
    int from = (int) Math.min(offset, whole.length());
    int to =
        (int) Math.min(from + Math.min(length, PacketLink.MAX_PACKET_BYTES / 2), whole.length());
    return (to == whole.length() ? "l" : "m") + whole.substring(from, to);
  }
}
