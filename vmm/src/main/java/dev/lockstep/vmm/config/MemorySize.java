package dev.lockstep.vmm.config;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as people write them: {@code 512M}, {@code 2G}, {@code 1.5GiB}; a bare number is MiB. */
public final class MemorySize {
  private static final Pattern SIZE =
      Pattern.compile(
          "(\\d{1,12})(?:\\.(\\d{1,3}))?\\s*(?:([KMGT])(?:i?B)?|(B))?", Pattern.CASE_INSENSITIVE);

  private MemorySize() {}

  /**
   * @return bytes; empty if the text is no size
   */
  public static OptionalLong parse(String text) {
    Matcher matcher = SIZE.matcher(text.strip());
    if (!matcher.matches()) {
      return OptionalLong.empty();
    }
    int shift =
        matcher.group(4) != null
            ? 0
            : switch (matcher.group(3) == null ? "M" : matcher.group(3).toUpperCase(Locale.ROOT)) {
              case "K" -> 10;
              case "M" -> 20;
              case "G" -> 30;
              default -> 40;
            };
    long whole = Long.parseLong(matcher.group(1));
    if (whole >= 1L << (62 - shift)) {
      return OptionalLong.empty();
    }
    String fraction = matcher.group(2);
    long bytes = whole << shift;
    if (fraction != null) {
      long scale = (long) Math.pow(10, fraction.length());
      bytes += (Long.parseLong(fraction) << shift) / scale;
    }
    return OptionalLong.of(bytes);
  }

  /** The size in the largest unit that leaves no fraction. */
  public static String format(long bytes) {
    if (bytes != 0 && bytes % (1L << 30) == 0) {
      return (bytes >> 30) + " GiB";
    }
    if (bytes % (1L << 20) == 0) {
      return (bytes >> 20) + " MiB";
    }
    return bytes % (1L << 10) == 0 ? (bytes >> 10) + " KiB" : bytes + " bytes";
  }
}
