package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Packed integer kernels against a model lane by lane, and against the host in their MMX and SSE2 forms. */
class PackedIntegersTest {
  private static final int CASES = 4_000;
  private static final int HOST_CASES = 400;
  private static final long SEED = 20_260_106;

  @Test
  void agreeWithTheModel() {
    SplittableRandom random = new SplittableRandom(SEED);
    for (PackedForm form : PackedForm.all()) {
      for (int i = 0; i < CASES; i++) {
        long a = lanes(random);
        long b = form.isShift() ? count(random) : lanes(random);
        assertThat(form.kernel().of(a, b))
            .as("%s of %016x, %016x, seed %d", form.name(), a, b, SEED)
            .isEqualTo(form.model().of(a, b));
      }
    }
  }

  @Test
  void agreeWithTheHost() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (PackedForm form : PackedForm.all()) {
        for (int done = 0; done < HOST_CASES; done += HostFpu.BATCH) {
          compareBatch(host, random, form);
        }
      }
    }
  }

  private static void compareBatch(HostFpu host, SplittableRandom random, PackedForm form) {
    byte[] mmx = {0x0f, (byte) form.opcode(), (byte) 0xc1};
    byte[] sse = {0x66, 0x0f, (byte) form.opcode(), (byte) 0xc1};
    long[][] sent = new long[HostFpu.BATCH][];
    for (int i = 0; i < sent.length; i++) {
      long source = form.isShift() ? count(random) : lanes(random);
      sent[i] = new long[] {lanes(random), lanes(random), source, lanes(random)};
      host.addSse(i % 2 == 0 ? mmx : sse, i % 2 == 0, SseState.MXCSR_INIT, sent[i], 0);
    }
    host.flush();
    for (int i = 0; i < sent.length; i++) {
      ByteBuffer reply = host.reply(HostFpu.SSE_REPLY);
      long[] x = sent[i];
      long low = form.kernel().of(x[0], x[2]);
      String what = "%s, case %d, seed %d".formatted(form.name(), i, SEED);
      if (i % 2 == 0) {
        assertThat(reply.getLong(21)).as(what).isEqualTo(low);
      } else {
        long high = form.kernel().of(x[1], form.isShift() ? x[2] : x[3]);
        assertThat(reply.getLong(5)).as(what).isEqualTo(low);
        assertThat(reply.getLong(13)).as(what).isEqualTo(high);
      }
    }
  }

  /** Lanes of extremes as often as of anything. */
  static long lanes(SplittableRandom random) {
    long bits = random.nextLong();
    for (int at = 0; at < 64; at += 8) {
      long lane =
          switch (random.nextInt(6)) {
            case 0 -> 0x80;
            case 1 -> 0x7f;
            case 2 -> 0xff;
            case 3 -> 0;
            default -> bits >>> at & 0xff;
          };
      bits = bits & ~(0xffL << at) | lane << at;
    }
    return bits;
  }

  private static long count(SplittableRandom random) {
    return random.nextInt(8) == 0 ? random.nextLong() : random.nextInt(70);
  }
}
