package dev.lockstep.cli;

import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A span of virtual time as users write it, in nanoseconds: 2s, 1.5s, 200ms, 50us, 10ns. */
final class VirtualSpan implements ITypeConverter<Long> {
  private static final Pattern FORM = Pattern.compile("(\\d{1,18}(?:\\.\\d{1,9})?)(s|ms|us|ns)");

  @Override
  public Long convert(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new TypeConversionException("'%s' is no time; write 2s, 1.5s or 200ms".formatted(text));
    }
    int places =
        switch (matcher.group(2)) {
          case "s" -> 9;
          case "ms" -> 6;
          case "us" -> 3;
          default -> 0;
        };
    BigDecimal nanos = new BigDecimal(matcher.group(1)).movePointRight(places);
    if (nanos.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
      throw new TypeConversionException("'%s' is longer than 292 years".formatted(text));
    }
    return nanos.longValue();
  }
}
