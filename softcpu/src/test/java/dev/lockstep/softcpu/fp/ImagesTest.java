package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.fp.X87Images.Format;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The images of FSTENV, FSAVE and FXSAVE: layouts byte by byte as the manual draws them, round trips, and the host's own where 64-bit mode can make them. */
class ImagesTest {
  private static final long SEED = 20_260_108;
  private final X87State x87 = new X87State();
  private final SseState sse = new SseState();

  @Test
  void environmentLayouts() {
    x87.setControl(0x0f7e);
    x87.setStatusWord(0x7902);
    x87.set(0, 0x3fff, Long.MIN_VALUE);
    x87.set(1, 0, 0);
    x87.fip = 0x123456789aL;
    x87.fcs = 0x0010;
    x87.fdp = 0x9876543210L;
    x87.fds = 0x002b;
    x87.fop = 0x5e9;
    // R7 is valid, R0 zero, all others empty.
    assertThat(environment(Format.PROTECTED32))
        .isEqualTo("7e0fffff0279ffff fd3fffff9a785634 1000e90510325476 2b00ffff".replace(" ", ""));
    assertThat(environment(Format.PROTECTED16)).isEqualTo("7e0f0279fd3f9a78100010322b00");
    // Linear addresses: 34567890 + 100 -> 3456799a..., cut to the format's 32 or 20 bits.
    x87.fip = 0x456789;
    x87.fcs = 0x1000;
    x87.fdp = 0x6543210;
    x87.fds = 0x0100;
    // 0x466789 and 0x6544210.
    assertThat(environment(Format.REAL32))
        .isEqualTo("7e0fffff0279ffff fd3fffff8967ffff e96504001042ffff 00406500".replace(" ", ""));
    assertThat(environment(Format.REAL16)).isEqualTo("7e0f0279fd3f8967e96510420040");
  }

  @Test
  void savedStatesComeBack() {
    Operands operands = new Operands(new SplittableRandom(SEED));
    for (int i = 0; i < 2_000; i++) {
      X87Case given = X87Case.random(operands, 0xd9, 0xd0);
      X87Images.restore(x87, Format.PROTECTED32, given.image());
      Format format = Format.values()[i % 4];
      boolean real = format == Format.REAL16 || format == Format.REAL32;
      long pointerBits =
          switch (format) {
            case PROTECTED16 -> 0xffff;
            case REAL16 -> 0xfffff;
            default -> 0xffffffffL;
          };
      x87.fip = 0x89abcdefL & pointerBits;
      x87.fdp = 0x12345678L & pointerBits;
      x87.fcs = real ? 0 : 0x33;
      x87.fds = real ? 0 : 0x2b;
      x87.fop = format == Format.PROTECTED16 ? 0 : 0x123;
      byte[] image = new byte[X87Images.MAX_BYTES];
      X87Images.save(x87, format, image);
      X87State restored = new X87State();
      X87Images.restore(restored, format, image);
      assertThat(describe(restored)).as("%s seed %d", format, SEED).isEqualTo(describe(x87));
    }
  }

  @Test
  void fxsaveLayout() {
    x87.setControl(0x037f);
    x87.setStatusWord(0x3000);
    x87.set(0, 0xbfff, 0x8123456789abcdefL);
    x87.fip = 0x1122334455667788L;
    x87.fcs = 0x33;
    x87.fdp = 0x99aabbccddeeff00L;
    x87.fds = 0x2b;
    x87.fop = 0x7ff;
    sse.mxcsr = 0x1fa0;
    sse.xmm[31] = 0x0102030405060708L;
    byte[] image = new byte[FxsaveImage.BYTES];
    Arrays.fill(image, (byte) 0xaa);
    FxsaveImage.store64(x87, sse, image);
    assertThat(hex(image, 0, 32))
        .isEqualTo(
            "7f0300304000ff07" + "8877665544332211" + "00ffeeddccbbaa99" + "a01f0000ffff0000");
    assertThat(hex(image, 32, 48)).isEqualTo("efcdab8967452381" + "ffbf000000000000");
    assertThat(hex(image, 408, 416)).isEqualTo("0807060504030201");
    assertThat(hex(image, 416, 512)).isEqualTo("aa".repeat(96));
    FxsaveImage.store32(x87, sse, image, 8);
    assertThat(hex(image, 8, 24)).isEqualTo("8877665533000000" + "00ffeedd2b000000");
    assertThat(FxsaveImage.writtenBytes(8)).isEqualTo(288);
    assertThat(FxsaveImage.writtenBytes(16)).isEqualTo(416);
  }

  @Test
  void eightRegisterFormsLeaveTheUpperOnesAlone() {
    Arrays.fill(sse.xmm, 5);
    byte[] image = new byte[FxsaveImage.BYTES];
    FxsaveImage.store32(x87, sse, image, 8);
    assertThat(hex(image, 288, 512)).isEqualTo("00".repeat(224));
    Arrays.fill(sse.xmm, 7);
    FxsaveImage.load32(x87, sse, image, 8);
    assertThat(sse.xmm[15]).isEqualTo(5);
    assertThat(sse.xmm[16]).isEqualTo(7);
  }

  @Test
  void fxrstorRefusesReservedBitsOfMxcsr() {
    byte[] image = new byte[FxsaveImage.BYTES];
    FxsaveImage.store64(x87, sse, image);
    assertThat(FxsaveImage.isValid(image)).isTrue();
    image[26] = 1;
    assertThat(FxsaveImage.isValid(image)).isFalse();
  }

  @Test
  void fxsavedStatesComeBack() {
    Operands operands = new Operands(new SplittableRandom(SEED));
    for (int i = 0; i < 500; i++) {
      X87Images.restore(x87, Format.PROTECTED32, X87Case.random(operands, 0xd9, 0xd0).image());
      for (int j = 0; j < 32; j++) {
        sse.xmm[j] = operands.random.nextLong();
      }
      sse.mxcsr = operands.random.nextInt(0x10000);
      byte[] image = new byte[FxsaveImage.BYTES];
      X87State x87Restored = new X87State();
      SseState sseRestored = new SseState();
      if (i % 2 == 0) {
        FxsaveImage.store64(x87, sse, image);
        FxsaveImage.load64(x87Restored, sseRestored, image);
      } else {
        FxsaveImage.store32(x87, sse, image, 16);
        FxsaveImage.load32(x87Restored, sseRestored, image, 16);
      }
      assertThat(describe(x87Restored)).isEqualTo(describe(x87));
      assertThat(sseRestored.xmm).isEqualTo(sse.xmm);
      assertThat(sseRestored.mxcsr).isEqualTo(sse.mxcsr);
    }
  }

  /** Pointers are left out: the host's are those of its own code, and processors differ in keeping them. */
  @Test
  void agreeWithTheHost() {
    byte[] fnstenv16 = {0x66, (byte) 0xd9, 0x37};
    byte[] fnsave16 = {0x66, (byte) 0xdd, 0x37};
    byte[] fxsave64 = {0x48, 0x0f, (byte) 0xae, 0x07};
    Operands operands = new Operands(new SplittableRandom(SEED));
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (int round = 0; round < 10; round++) {
        X87Case[] sent = new X87Case[HostFpu.IMAGE_BATCH];
        for (int i = 0; i < sent.length; i++) {
          sent[i] = X87Case.random(operands, 0xd9, 0xd0);
          byte[] code = i % 3 == 0 ? fnstenv16 : i % 3 == 1 ? fnsave16 : fxsave64;
          host.addImage(code, sent[i].image());
        }
        host.flush();
        for (int i = 0; i < sent.length; i++) {
          byte[] theirs = new byte[HostFpu.IMAGE_REPLY];
          host.reply(HostFpu.IMAGE_REPLY).get(theirs);
          X87Images.restore(x87, Format.PROTECTED32, sent[i].image());
          compare(i % 3, theirs);
        }
      }
    }
  }

  private void compare(int kind, byte[] theirs) {
    byte[] ours = new byte[FxsaveImage.BYTES];
    if (kind == 2) {
      FxsaveImage.store64(x87, sse, ours);
      assertThat(hex(ours, 0, 6)).isEqualTo(hex(theirs, 0, 6));
      assertThat(hex(ours, 32, 160)).isEqualTo(hex(theirs, 32, 160));
      return;
    }
    X87Images.save(x87, Format.PROTECTED16, ours);
    assertThat(hex(ours, 0, 6)).isEqualTo(hex(theirs, 0, 6));
    if (kind == 1) {
      assertThat(hex(ours, 14, 94)).isEqualTo(hex(theirs, 14, 94));
    }
  }

  private String environment(Format format) {
    byte[] image = new byte[X87Images.MAX_BYTES];
    X87Images.storeEnvironment(x87, format, image);
    assertThat(hex(image, format.environmentBytes(), image.length)).matches("0*");
    return hex(image, 0, format.environmentBytes());
  }

  private static String hex(byte[] bytes, int from, int to) {
    return HexFormat.of().formatHex(bytes, from, to);
  }

  private static String describe(X87State s) {
    return "cw %x sw %x tw %x ip %x:%x dp %x:%x op %x %s %s"
        .formatted(
            s.control,
            s.statusWord(),
            s.tagWord(),
            s.fcs,
            s.fip,
            s.fds,
            s.fdp,
            s.fop,
            Arrays.toString(s.signExponent),
            Arrays.toString(s.significand));
  }
}
