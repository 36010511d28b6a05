package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Packs, unpacks, shuffles and whole-register shifts: bytes moved one by one in a model, and the SSE2 (for some also MMX) instructions of the host. */
class PackedShufflesTest {
  private static final long SEED = 20_260_107;
  private static final int CASES = 600;

  /** An instruction on XMM0 = x[1]:x[0] and XMM1 = x[3]:x[2] that gives {low, high}. */
  private record Form(String name, boolean mmx, Sse operation, int... code) {}

  private interface Sse {
    long[] of(long[] x);
  }

  private interface Two {
    long of(long a, long b);
  }

  @Test
  void packsFollowTheirDefinition() {
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < 4_000; i++) {
      long a = PackedIntegersTest.lanes(random);
      long b = PackedIntegersTest.lanes(random);
      assertThat(PackedShuffles.packWordsSigned(a, b)).isEqualTo(pack(a, b, 16, -128, 127));
      assertThat(PackedShuffles.packWordsUnsigned(a, b)).isEqualTo(pack(a, b, 16, 0, 255));
      assertThat(PackedShuffles.packDwordsSigned(a, b)).isEqualTo(pack(a, b, 32, -32768, 32767));
    }
  }

  @Test
  void unpacksInterleave() {
    long a = 0x0706050403020100L;
    long b = 0x1716151413121110L;
    assertThat(PackedShuffles.unpackLowBytes(a, b)).isEqualTo(0x1303120211011000L);
    assertThat(PackedShuffles.unpackHighBytes(a, b)).isEqualTo(0x1707160615051404L);
    assertThat(PackedShuffles.unpackLowWords(a, b)).isEqualTo(0x1312030211100100L);
    assertThat(PackedShuffles.unpackHighWords(a, b)).isEqualTo(0x1716070615140504L);
    assertThat(PackedShuffles.unpackLowDwords(a, b)).isEqualTo(0x1312111003020100L);
    assertThat(PackedShuffles.unpackHighDwords(a, b)).isEqualTo(0x1716151407060504L);
  }

  @Test
  void lanesAndMasks() {
    long a = 0x80ff7f0180007f80L;
    assertThat(PackedShuffles.moveMaskBytes(a)).isEqualTo(0b1100_1001);
    assertThat(PackedShuffles.moveMaskDwords(a)).isEqualTo(0b11);
    assertThat(PackedShuffles.moveMaskDwords(0x7fffffff80000000L)).isEqualTo(0b01);
    assertThat(PackedShuffles.extractWord(a, 3)).isEqualTo(0x80ff);
    assertThat(PackedShuffles.extractWord(a, 4)).isEqualTo(0x7f80);
    assertThat(PackedShuffles.insertWord(a, 0x1234abcd, 2)).isEqualTo(0x80ffabcd80007f80L);
  }

  @Test
  void agreeWithTheHost() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (int round = 0; round < CASES / 100; round++) {
        for (Form form : forms(random.nextInt(256), random.nextInt(20))) {
          compare(host, random, form);
        }
      }
    }
  }

  private static void compare(HostFpu host, SplittableRandom random, Form form) {
    byte[] code = new byte[form.code.length];
    for (int i = 0; i < code.length; i++) {
      code[i] = (byte) form.code[i];
    }
    long[][] sent = new long[100][];
    for (int i = 0; i < sent.length; i++) {
      sent[i] = new long[4];
      for (int j = 0; j < 4; j++) {
        sent[i][j] = PackedIntegersTest.lanes(random);
      }
      host.addSse(code, form.mmx, SseState.MXCSR_INIT, sent[i], 0);
    }
    host.flush();
    for (long[] x : sent) {
      ByteBuffer reply = host.reply(HostFpu.SSE_REPLY);
      long[] ours = form.operation.of(x);
      if (form.mmx) {
        assertThat(reply.getLong(21)).as(form.name).isEqualTo(ours[0]);
      } else {
        assertThat(new long[] {reply.getLong(5), reply.getLong(13)}).as(form.name).isEqualTo(ours);
      }
    }
  }

  private static List<Form> forms(int order, int bytes) {
    List<Form> f = new ArrayList<>();
    packs(f, "packsswb", 0x63, PackedShuffles::packWordsSigned);
    packs(f, "packuswb", 0x67, PackedShuffles::packWordsUnsigned);
    packs(f, "packssdw", 0x6b, PackedShuffles::packDwordsSigned);
    unpacks(f, 0x60, PackedShuffles::unpackLowBytes, PackedShuffles::unpackHighBytes);
    unpacks(f, 0x61, PackedShuffles::unpackLowWords, PackedShuffles::unpackHighWords);
    unpacks(f, 0x62, PackedShuffles::unpackLowDwords, PackedShuffles::unpackHighDwords);
    shuffles(f, order);
    f.add(
        new Form(
            "pslldq",
            false,
            x ->
                new long[] {
                  PackedShuffles.shiftLeftBytesLow(x[0], bytes),
                  PackedShuffles.shiftLeftBytesHigh(x[0], x[1], bytes)
                },
            0x66,
            0x0f,
            0x73,
            0xf8,
            bytes));
    f.add(
        new Form(
            "psrldq",
            false,
            x ->
                new long[] {
                  PackedShuffles.shiftRightBytesLow(x[0], x[1], bytes),
                  PackedShuffles.shiftRightBytesHigh(x[1], bytes)
                },
            0x66,
            0x0f,
            0x73,
            0xd8,
            bytes));
    return f;
  }

  private static void packs(List<Form> f, String name, int opcode, Two kernel) {
    f.add(
        new Form(
            name,
            false,
            x -> new long[] {kernel.of(x[0], x[1]), kernel.of(x[2], x[3])},
            0x66,
            0x0f,
            opcode,
            0xc1));
    f.add(new Form(name, true, x -> new long[] {kernel.of(x[0], x[2])}, 0x0f, opcode, 0xc1));
  }

  private static void unpacks(List<Form> f, int opcode, Two low, Two high) {
    String name = "unpack %02x".formatted(opcode);
    f.add(
        new Form(
            name,
            false,
            x -> new long[] {low.of(x[0], x[2]), high.of(x[0], x[2])},
            0x66,
            0x0f,
            opcode,
            0xc1));
    f.add(
        new Form(
            name,
            false,
            x -> new long[] {low.of(x[1], x[3]), high.of(x[1], x[3])},
            0x66,
            0x0f,
            opcode + 8,
            0xc1));
    f.add(new Form(name, true, x -> new long[] {low.of(x[0], x[2])}, 0x0f, opcode, 0xc1));
    f.add(new Form(name, true, x -> new long[] {high.of(x[0], x[2])}, 0x0f, opcode + 8, 0xc1));
  }

  private static void shuffles(List<Form> f, int order) {
    f.add(
        new Form(
            "pshufd",
            false,
            x ->
                new long[] {
                  PackedShuffles.selectDwords(x[2], x[3], order),
                  PackedShuffles.selectDwords(x[2], x[3], order >>> 4)
                },
            0x66,
            0x0f,
            0x70,
            0xc1,
            order));
    f.add(
        new Form(
            "shufps",
            false,
            x ->
                new long[] {
                  PackedShuffles.selectDwords(x[0], x[1], order),
                  PackedShuffles.selectDwords(x[2], x[3], order >>> 4)
                },
            0x0f,
            0xc6,
            0xc1,
            order));
    f.add(
        new Form(
            "pshuflw",
            false,
            x -> new long[] {PackedShuffles.shuffleWords(x[2], order), x[3]},
            0xf2,
            0x0f,
            0x70,
            0xc1,
            order));
    f.add(
        new Form(
            "pshufhw",
            false,
            x -> new long[] {x[2], PackedShuffles.shuffleWords(x[3], order)},
            0xf3,
            0x0f,
            0x70,
            0xc1,
            order));
    f.add(
        new Form(
            "pshufw",
            true,
            x -> new long[] {PackedShuffles.shuffleWords(x[2], order)},
            0x0f,
            0x70,
            0xc1,
            order));
  }

  private static long pack(long a, long b, int width, long least, long greatest) {
    long result = 0;
    for (int i = 0; i < 128 / width; i++) {
      int at = i * width;
      long from = at < 64 ? a >> at : b >> at - 64;
      long lane = from << 64 - width >> 64 - width;
      result |=
          LaneModel.cut(LaneModel.saturate(lane, least, greatest), width / 2) << i * width / 2;
    }
    return result;
  }
}
