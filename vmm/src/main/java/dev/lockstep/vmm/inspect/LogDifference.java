package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Where two logs differ first.
 *
 * @param sequence number of the entry; -1 if the headers differ
 * @param fields names of what differs, each with its value in the first log and in the second
 * @param before entries in front of it, that are the same, as lines
 * @param first the entry in the first log as a line, and what follows it; empty where that log has ended
 * @param second the same of the second log
 */
public record LogDifference(
    long sequence,
    Map<String, List<String>> fields,
    List<String> before,
    List<String> first,
    List<String> second) {
  private static final String NOTHING = "(nothing)";

  public LogDifference {
    before = List.copyOf(before);
    first = List.copyOf(first);
    second = List.copyOf(second);
  }

  /**
   * Compares the headers field by field, then the entries one by one.
   *
   * @param context how many entries to show around the difference
   * @return empty if both say the same, to the end of what can be read of them
   * @throws VmmException if one has no header that can be read
   */
  public static Optional<LogDifference> between(Path one, Path other, int context) {
    try (EventLogReader first = new EventLogReader(one);
        EventLogReader second = new EventLogReader(other)) {
      Map<String, List<String>> fields = headers(first.header(), second.header());
      if (!fields.isEmpty()) {
        return Optional.of(new LogDifference(-1, fields, List.of(), List.of(), List.of()));
      }
      return entries(first, second, context);
    }
  }

  private static Optional<LogDifference> entries(
      EventLogReader first, EventLogReader second, int context) {
    EntryText text = new EntryText(first.header());
    Deque<String> before = new ArrayDeque<>();
    for (long sequence = 0; ; sequence++) {
      LogEntry mine = first.next();
      LogEntry theirs = second.next();
      if (mine == null && theirs == null) {
        return Optional.empty();
      }
      if (mine == null || !mine.equals(theirs)) {
        Map<String, Object> left = mine == null ? Map.of() : text.fields(sequence, mine);
        Map<String, Object> right = theirs == null ? Map.of() : text.fields(sequence, theirs);
        return Optional.of(
            new LogDifference(
                sequence,
                differing(left, right),
                List.copyOf(before),
                rest(text, sequence, mine, first, context),
                rest(text, sequence, theirs, second, context)));
      }
      before.add(text.line(sequence, mine));
      if (before.size() > context) {
        before.remove();
      }
    }
  }

  private static List<String> rest(
      EntryText text, long sequence, @Nullable LogEntry entry, EventLogReader reader, int context) {
    List<String> lines = new ArrayList<>();
    LogEntry next = entry;
    for (long number = sequence; next != null && number <= sequence + context; number++) {
      lines.add(text.line(number, next));
      next = reader.next();
    }
    return lines;
  }

  private static Map<String, List<String>> differing(
      Map<String, Object> first, Map<String, Object> second) {
    Map<String, List<String>> found = new LinkedHashMap<>();
    List<String> names = new ArrayList<>(first.keySet());
    second.keySet().stream().filter(name -> !first.containsKey(name)).forEach(names::add);
    for (String name : names) {
      String mine = String.valueOf(first.getOrDefault(name, NOTHING));
      String theirs = String.valueOf(second.getOrDefault(name, NOTHING));
      if (!mine.equals(theirs)) {
        found.put(name, List.of(mine, theirs));
      }
    }
    return found;
  }

  private static Map<String, List<String>> headers(LogHeader first, LogHeader second) {
    return differing(fields(first), fields(second));
  }

  /** Every field of a header by its name, in the order in which they are shown. */
  public static Map<String, Object> fields(LogHeader header) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("vm", header.vm());
    fields.put("epoch", header.epoch());
    fields.put("engine", header.engine());
    fields.put("cpu_model", header.cpuModel());
    fields.put("cpu_model_digest", header.cpuModelDigest());
    fields.put("branch_semantics", header.semantics().name());
    for (String name : new TreeSet<>(header.configuration().keySet())) {
      fields.put(name, header.configuration().getOrDefault(name, ""));
    }
    fields.put("devices", String.join(" ", header.devices()));
    header
        .disks()
        .forEach(disk ->
            fields.put(
                "disk_" + disk.name(), "%d bytes, %016x".formatted(disk.bytes(), disk.hash())));
    fields.put("start", header.start().toString());
    fields.put("start_nanos", header.startNanos());
    fields.put("wall_clock_nanos", header.wallClockNanos());
    fields.put("initial", header.initial().toString());
    return fields;
  }
}
