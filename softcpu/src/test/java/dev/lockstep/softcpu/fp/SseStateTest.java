package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** How an instruction's flags reach MXCSR, results that must not depend on compilation, and the approximations' bounds. */
class SseStateTest {
  private final SseUnit unit = new SseUnit();
  private final SseState state = unit.state;

  @Test
  void maskedFlagsStickAndTheResultIsKept() {
    state.raised = SseState.OE | SseState.PE | SseState.DE;
    assertThat(state.complete()).isTrue();
    assertThat(state.mxcsr).isEqualTo(0x1f80 | SseState.OE | SseState.PE | SseState.DE);
    assertThat(state.raised).isZero();
  }

  @Test
  void anUnmaskedOperandExceptionDropsTheFlagsOfResults() {
    state.mxcsr = 0x1f80 & ~(SseState.ZE << 7);
    state.raised = SseState.ZE | SseState.DE | SseState.OE | SseState.PE;
    assertThat(state.complete()).isFalse();
    assertThat(state.mxcsr & 0x3f).isEqualTo(SseState.ZE | SseState.DE);
  }

  @Test
  void anUnmaskedResultExceptionKeepsAllFlags() {
    state.mxcsr = 0x1f80 & ~(SseState.UE << 7);
    state.raised = SseState.IE | SseState.UE | SseState.PE;
    assertThat(state.complete()).isFalse();
    assertThat(state.mxcsr & 0x3f).isEqualTo(SseState.IE | SseState.UE | SseState.PE);
  }

  /** Java's own + and * take either payload, as HotSpot's tiers please. */
  @Test
  void payloadsOfNansSurviveCompilation() {
    state.mxcsr |= SseState.PE;
    long first = 0x7ff8000000000123L;
    long second = 0xfff8000000000456L;
    for (int i = 0; i < 300_000; i++) {
      long a = (i & 1) == 0 ? first : second;
      long b = (i & 1) == 0 ? second : first;
      if (unit.f64.add(a, b) != a || unit.f64.mul(a, b) != a || unit.f64.div(a, b) != a) {
        throw new AssertionError("payload changed at iteration " + i);
      }
      if (unit.f64.sub(1L << 60, b) != b || unit.f64.sqrt(b) != b) {
        throw new AssertionError("payload changed at iteration " + i);
      }
    }
    assertThat(state.raised).isZero();
  }

  @Test
  void approximationsKeepTheManualsBound() {
    double limit = 1.5 / 4096;
    for (int bits = 0x00800000; bits < 0x7e7fe800 && bits > 0; bits += 9_973) {
      double x = Float.intBitsToFloat(bits);
      double reciprocal = Float.intBitsToFloat(unit.f32.rcp(bits));
      assertThat(Math.abs(reciprocal * x - 1)).as("rcp %x", bits).isLessThan(limit);
      double root = Float.intBitsToFloat(unit.f32.rsqrt(bits));
      assertThat(Math.abs(root * Math.sqrt(x) - 1)).as("rsqrt %x", bits).isLessThan(limit);
    }
    assertThat(unit.f32.rcp(0x3f800000)).isEqualTo(0x3f800000);
    assertThat(unit.f32.rsqrt(0x40800000)).isEqualTo(0x3f000000);
    assertThat(state.raised).isZero();
  }

  @Test
  void approximationsOfSpecialValues() {
    int[][] cases = {
      // operand, reciprocal, reciprocal square root
      {0x00000000, 0x7f800000, 0x7f800000},
      {0x80000000, 0xff800000, 0xff800000},
      {0x00000005, 0x7f800000, 0x7f800000},
      {0x80000005, 0xff800000, 0xff800000},
      {0x7f800000, 0x00000000, 0x00000000},
      {0xff800000, 0x80000000, 0xffc00000},
      {0xbf800000, 0xbf800000, 0xffc00000},
      {0x7fa00001, 0x7fe00001, 0x7fe00001},
      {0xffc00123, 0xffc00123, 0xffc00123},
      {0x7e800000, 0x00000000, 0x20000000},
      {0xfe7fe800, 0x80000000, 0xffc00000},
    };
    for (int[] each : cases) {
      assertThat(unit.f32.rcp(each[0])).as("rcp %x", each[0]).isEqualTo(each[1]);
      assertThat(unit.f32.rsqrt(each[0])).as("rsqrt %x", each[0]).isEqualTo(each[2]);
    }
  }
}
