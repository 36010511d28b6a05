package dev.lockstep.vmm.inspect;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.net.Frames;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Log entries as fields with names, for programs, and as lines, for people. Hashes and addresses are hexadecimal strings, since JSON's numbers have not 64 bits everywhere. */
public final class EntryText {
  /** Every kind of entry that a file may hold, by the names that are shown. */
  public static final List<String> KINDS =
      List.of(
          "console-input",
          "disk-completion",
          "entropy-input",
          "network-input",
          "control",
          "clock",
          "output",
          "digest",
          "checkpoint",
          "uncertain",
          "end");

  private static final Set<String> IN_FRONT =
      Set.of("entry", "kind", "count", "rip", "rcx", "point_digest", "halted_nanos");

  private final LogHeader header;

  /**
   * @param header of the log, which names the devices
   */
  public EntryText(LogHeader header) {
    this.header = header;
  }

  /** What kind of entry it is: one of {@link #KINDS}. */
  public static String kind(LogEntry entry) {
    return switch (entry) {
      case LogEntry.ConsoleInput _ -> "console-input";
      case LogEntry.DiskCompletion _ -> "disk-completion";
      case LogEntry.EntropyInput _ -> "entropy-input";
      case LogEntry.NetworkInput _ -> "network-input";
      case LogEntry.ControlInput _ -> "control";
      case LogEntry.ClockEntry _ -> "clock";
      case LogEntry.OutputEntry _ -> "output";
      case LogEntry.DigestEntry _ -> "digest";
      case LogEntry.CheckpointMark _ -> "checkpoint";
      case LogEntry.UncertainFrom _ -> "uncertain";
      case LogEntry.EndOfLog _ -> "end";
      case LogEntry.ProgressMark _ -> throw new IllegalStateException("a progress mark in a file");
    };
  }

  /**
   * Its fields, in the order in which they are shown.
   *
   * @param sequence its number
   */
  public Map<String, Object> fields(long sequence, LogEntry entry) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("entry", sequence);
    fields.put("kind", kind(entry));
    moment(fields, entry.at());
    switch (entry) {
      case LogEntry.ConsoleInput it -> {
        fields.put("device", device(it.device()));
        fields.put("text", text(it.bytes()));
      }
      case LogEntry.DiskCompletion it -> {
        fields.put("device", device(it.device()));
        fields.put("request", it.request());
        fields.put("status", it.status());
      }
      case LogEntry.EntropyInput it -> {
        fields.put("device", device(it.device()));
        fields.put("bytes", HexFormat.of().formatHex(it.bytes()));
      }
      case LogEntry.NetworkInput it -> {
        fields.put("device", device(it.device()));
        fields.put("frames", Frames.count(it.frames()));
        fields.put("bytes", HexFormat.of().formatHex(it.frames()));
      }
      case LogEntry.ControlInput it -> {
        fields.put("control", it.control().name().toLowerCase(Locale.ROOT));
        fields.put("argument", it.argument());
      }
      case LogEntry.ClockEntry it -> {
        fields.put("step_nanos", it.stepNanos());
        fields.put("pace", it.pace());
      }
      case LogEntry.OutputEntry it -> {
        fields.put("stream", device(it.stream()));
        fields.put("offset", it.offset());
        fields.put("length", it.length());
        fields.put("hash", hex(it.hash()));
      }
      case LogEntry.DigestEntry it -> {
        fields.put("registers", hex(it.registers()));
        fields.put("devices", hex(it.devices()));
      }
      case LogEntry.CheckpointMark it -> {
        fields.put("id", it.id());
        digest(fields, it.digest());
      }
      case LogEntry.EndOfLog it -> {
        fields.put("reason", it.reason().name().toLowerCase(Locale.ROOT));
        fields.put("exit_code", it.exitCode());
        MachineDigest digest = it.digest();
        if (digest != null) {
          digest(fields, digest);
        }
      }
      case LogEntry.UncertainFrom _ -> {
        // Its moment is all.
      }
      case LogEntry.ProgressMark _ -> throw new IllegalStateException("a progress mark in a file");
    }
    return fields;
  }

  /** One line: number, moment, kind, and what belongs to the kind. */
  public String line(long sequence, LogEntry entry) {
    StringBuilder line =
        new StringBuilder("#%d  %s  %s".formatted(sequence, entry.at(), kind(entry)));
    fields(sequence, entry)
        .forEach((name, value) -> {
          if (!IN_FRONT.contains(name)) {
            String form = "text".equals(name) ? "  %s=\"%s\"" : "  %s=%s";
            line.append(form.formatted(name, value));
          }
        });
    return line.toString();
  }

  /** A moment's fields. */
  public static void moment(Map<String, Object> into, Moment at) {
    into.put("count", at.count());
    into.put("rip", "%#x".formatted(at.point().rip()));
    into.put("rcx", "%#x".formatted(at.point().rcx()));
    if (at.point().digest() != 0) {
      into.put("point_digest", hex(at.point().digest()));
    }
    if (at.halted()) {
      into.put("halted_nanos", at.haltedNanos());
    }
  }

  private static void digest(Map<String, Object> into, MachineDigest digest) {
    into.put("registers", hex(digest.registers()));
    into.put("devices", hex(digest.devices()));
    into.put("memory", hex(digest.memory()));
    if (!digest.disks().isEmpty()) {
      into.put("disks", digest.disks().stream().map(EntryText::hex).toList());
    }
  }

  private String device(int index) {
    return index >= 0 && index < header.devices().size()
        ? header.devices().get(index)
        : "device " + index;
  }

  /** Printable characters as they are, others as in Java. */
  static String text(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (char c : new String(bytes, StandardCharsets.ISO_8859_1).toCharArray()) {
      switch (c) {
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '"', '\\' -> text.append('\\').append(c);
        default -> {
          if (c >= ' ' && c < 0x7f) {
            text.append(c);
          } else {
            text.append("\\x%02x".formatted((int) c));
          }
        }
      }
    }
    return text.toString();
  }

  private static String hex(long value) {
    return "%016x".formatted(value);
  }
}
