package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

/** Spans of virtual time as users write them. */
final class VirtualSpanTest {
  private final VirtualSpan span = new VirtualSpan();

  @Test
  void everyUnitIsReadToTheNanosecond() {
    assertThat(span.convert("1.5s")).isEqualTo(1_500_000_000L);
    assertThat(span.convert("200ms")).isEqualTo(200_000_000L);
    assertThat(span.convert("0.001us")).isEqualTo(1L);
    assertThat(span.convert("10ns")).isEqualTo(10L);
    // As reports print it.
    assertThat(span.convert("18652526110ns")).isEqualTo(18_652_526_110L);
    assertThat(span.convert("9223372036s")).isEqualTo(9_223_372_036_000_000_000L);
  }

  @Test
  void whatIsNoTimeIsRefused() {
    for (String bad : new String[] {"", "s", "1", "-1s", "1.s", ".5s", "1 s", "1h", "1e9ns"}) {
      assertThatThrownBy(() -> span.convert(bad))
          .as(bad)
          .isInstanceOf(TypeConversionException.class)
          .hasMessageContaining("is no time");
    }
    assertThatThrownBy(() -> span.convert("9223372037s"))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("292 years");
  }
}
