package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WarmupTest {
  @Test
  void everyMessageArrives() {
    assertThat(Warmup.sendAndReceive(TransportLimits.defaults())).isEqualTo(6 * 200);
  }

  @Test
  void nettyRegistersNoEventsWithTheFlightRecorder() {
    Warmup.begin(TransportLimits.defaults(), null);
    assertThat(System.getProperty("io.netty.jfr.enabled")).isEqualTo("false");
  }
}
