package dev.lockstep.cli;

import dev.lockstep.vmm.machine.ReplayTarget;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A place in a replay as users write it. */
final class ReplayPlace implements ITypeConverter<ReplayTarget> {
  /** Behind every entry: the log's end. */
  static final ReplayTarget END = new ReplayTarget.Entry(Long.MAX_VALUE);

  /** What may be written, for help. */
  static final String FORMS =
      "COUNT or COUNT@RIP (a branch count, and an address), #N (log entry N, before it takes effect), a virtual time as 1.5s or 200ms, or end";

  private static final Pattern POINT =
      Pattern.compile("(\\d{1,18})(?:@(?:0x)?([0-9a-fA-F]{1,16}))?");
  private static final Pattern ENTRY = Pattern.compile("#(\\d{1,18})");

  @Override
  public ReplayTarget convert(String text) {
    Matcher entry = ENTRY.matcher(text);
    if (entry.matches()) {
      return new ReplayTarget.Entry(Long.parseLong(entry.group(1)));
    }
    Matcher point = POINT.matcher(text);
    if (point.matches()) {
      long count = Long.parseLong(point.group(1));
      return point.group(2) == null
          ? new ReplayTarget.Count(count)
          : new ReplayTarget.Address(count, Long.parseUnsignedLong(point.group(2), 16));
    }
    if (text.equals("end")) {
      return END;
    }
    try {
      return new ReplayTarget.Time(new VirtualSpan().convert(text));
    } catch (TypeConversionException e) {
      throw new TypeConversionException("'%s' is no place; write %s".formatted(text, FORMS));
    }
  }
}
