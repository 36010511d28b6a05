package dev.lockstep.softcpu.fp;

import java.util.ArrayList;
import java.util.List;

/**
 * The SSE and SSE2 floating-point instructions as the CPU core executes them with the kernels of this package, each with its encoding on XMM0 (destination) and XMM1 (source), MM0, MM1, EAX or ECX.
 */
record SseForm(String name, Operation operation, int... code) {

  /** Executes on a state: xmm[0..1] is XMM0, xmm[2..3] XMM1; may write {@link Machine#rax}, {@link Machine#rflags} and {@link Machine#mm0}. */
  interface Operation {
    void on(Machine machine);
  }

  /** What a form reads and writes. Results go to {@code to...} fields first, and are kept only if no unmasked exception is due. */
  static final class Machine {
    final SseUnit unit = new SseUnit();
    long rcx;
    long rax = 0x1111_1111_1111_1111L;
    long mm0;
    int rflags = X87Dispatch.ARITHMETIC_FLAGS;
    long low;
    long high;

    long a() {
      return unit.state.xmm[0];
    }

    long aHigh() {
      return unit.state.xmm[1];
    }

    long b() {
      return unit.state.xmm[2];
    }

    long bHigh() {
      return unit.state.xmm[3];
    }

    SseF32 f32() {
      return unit.f32;
    }

    SseF64 f64() {
      return unit.f64;
    }

    SseConversions convert() {
      return unit.convert;
    }

    void setLow32(int value) {
      low = a() & 0xffffffff00000000L | value & 0xffffffffL;
    }
  }

  private interface Binary32 {
    int of(SseF32 unit, int a, int b);
  }

  private interface Pair32 {
    long of(SseF32 unit, long a, long b);
  }

  private interface Binary64 {
    long of(SseF64 unit, long a, long b);
  }

  boolean usesMmx() {
    return name.contains("pi");
  }

  byte[] bytes() {
    byte[] bytes = new byte[code.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) code[i];
    }
    return bytes;
  }

  boolean isSingle() {
    return code[0] == 0x0f || code[0] == 0xf3;
  }

  static List<SseForm> all() {
    List<SseForm> forms = new ArrayList<>();
    arithmetic(forms, 0x58, "add", SseF32::add, SseF32::addPair, SseF64::add);
    arithmetic(forms, 0x59, "mul", SseF32::mul, SseF32::mulPair, SseF64::mul);
    arithmetic(forms, 0x5c, "sub", SseF32::sub, SseF32::subPair, SseF64::sub);
    arithmetic(forms, 0x5d, "min", SseF32::min, SseF32::minPair, SseF64::min);
    arithmetic(forms, 0x5e, "div", SseF32::div, SseF32::divPair, SseF64::div);
    arithmetic(forms, 0x5f, "max", SseF32::max, SseF32::maxPair, SseF64::max);
    arithmetic(
        forms,
        0x51,
        "sqrt",
        (u, a, b) -> u.sqrt(b),
        (u, a, b) -> u.sqrtPair(b),
        (u, a, b) -> u.sqrt(b));
    for (int predicate = 0; predicate < 8; predicate++) {
      compares(forms, predicate);
    }
    flagCompares(forms);
    toIntegers(forms);
    fromIntegers(forms);
    betweenFormats(forms);
    return forms;
  }

  private static void arithmetic(
      List<SseForm> forms, int opcode, String name, Binary32 ss, Pair32 ps, Binary64 sd) {
    forms.add(
        new SseForm(
            name + "ss",
            m -> m.setLow32(ss.of(m.f32(), (int) m.a(), (int) m.b())),
            0xf3,
            0x0f,
            opcode,
            0xc1));
    forms.add(
        new SseForm(
            name + "ps",
            m -> {
              m.low = ps.of(m.f32(), m.a(), m.b());
              m.high = ps.of(m.f32(), m.aHigh(), m.bHigh());
            },
            0x0f,
            opcode,
            0xc1));
    forms.add(
        new SseForm(
            name + "sd", m -> m.low = sd.of(m.f64(), m.a(), m.b()), 0xf2, 0x0f, opcode, 0xc1));
    forms.add(
        new SseForm(
            name + "pd",
            m -> {
              m.low = sd.of(m.f64(), m.a(), m.b());
              m.high = sd.of(m.f64(), m.aHigh(), m.bHigh());
            },
            0x66,
            0x0f,
            opcode,
            0xc1));
  }

  private static void compares(List<SseForm> forms, int predicate) {
    forms.add(
        new SseForm(
            "cmpss" + predicate,
            m -> m.setLow32(m.f32().cmp(predicate, (int) m.a(), (int) m.b())),
            0xf3,
            0x0f,
            0xc2,
            0xc1,
            predicate));
    forms.add(
        new SseForm(
            "cmpps" + predicate,
            m -> {
              m.low = m.f32().cmpPair(predicate, m.a(), m.b());
              m.high = m.f32().cmpPair(predicate, m.aHigh(), m.bHigh());
            },
            0x0f,
            0xc2,
            0xc1,
            predicate));
    forms.add(
        new SseForm(
            "cmpsd" + predicate,
            m -> m.low = m.f64().cmp(predicate, m.a(), m.b()),
            0xf2,
            0x0f,
            0xc2,
            0xc1,
            predicate));
    forms.add(
        new SseForm(
            "cmppd" + predicate,
            m -> {
              m.low = m.f64().cmp(predicate, m.a(), m.b());
              m.high = m.f64().cmp(predicate, m.aHigh(), m.bHigh());
            },
            0x66,
            0x0f,
            0xc2,
            0xc1,
            predicate));
  }

  private static void flagCompares(List<SseForm> forms) {
    forms.add(
        new SseForm(
            "ucomiss", m -> m.rflags = m.f32().ucomi((int) m.a(), (int) m.b()), 0x0f, 0x2e, 0xc1));
    forms.add(
        new SseForm(
            "comiss", m -> m.rflags = m.f32().comi((int) m.a(), (int) m.b()), 0x0f, 0x2f, 0xc1));
    forms.add(
        new SseForm(
            "ucomisd", m -> m.rflags = m.f64().ucomi(m.a(), m.b()), 0x66, 0x0f, 0x2e, 0xc1));
    forms.add(
        new SseForm("comisd", m -> m.rflags = m.f64().comi(m.a(), m.b()), 0x66, 0x0f, 0x2f, 0xc1));
  }

  private static void toIntegers(List<SseForm> forms) {
    scalarToInteger(
        forms,
        "cvttss2si",
        0xf3,
        0x2c,
        (c, b) -> c.f32ToI32Truncated((int) b),
        (c, b) -> c.f32ToI64Truncated((int) b));
    scalarToInteger(
        forms,
        "cvtss2si",
        0xf3,
        0x2d,
        (c, b) -> c.f32ToI32((int) b),
        (c, b) -> c.f32ToI64((int) b));
    scalarToInteger(
        forms,
        "cvttsd2si",
        0xf2,
        0x2c,
        SseConversions::f64ToI32Truncated,
        SseConversions::f64ToI64Truncated);
    scalarToInteger(
        forms, "cvtsd2si", 0xf2, 0x2d, SseConversions::f64ToI32, SseConversions::f64ToI64);
    packedSingles(forms, "cvtps2dq", 0x5b, (c, b) -> c.f32ToI32((int) b), 0x66);
    packedSingles(forms, "cvttps2dq", 0x5b, (c, b) -> c.f32ToI32Truncated((int) b), 0xf3);
    forms.add(
        new SseForm(
            "cvtps2pi",
            m -> m.mm0 = two(m, m.b(), (c, b) -> c.f32ToI32((int) b)),
            0x0f,
            0x2d,
            0xc1));
    forms.add(
        new SseForm(
            "cvttps2pi",
            m -> m.mm0 = two(m, m.b(), (c, b) -> c.f32ToI32Truncated((int) b)),
            0x0f,
            0x2c,
            0xc1));
    forms.add(
        new SseForm(
            "cvtpd2dq", m -> doublesToLow(m, SseConversions::f64ToI32), 0xf2, 0x0f, 0xe6, 0xc1));
    forms.add(
        new SseForm(
            "cvttpd2dq",
            m -> doublesToLow(m, SseConversions::f64ToI32Truncated),
            0x66,
            0x0f,
            0xe6,
            0xc1));
    forms.add(
        new SseForm(
            "cvtpd2pi", m -> m.mm0 = doubles(m, SseConversions::f64ToI32), 0x66, 0x0f, 0x2d, 0xc1));
    forms.add(
        new SseForm(
            "cvttpd2pi",
            m -> m.mm0 = doubles(m, SseConversions::f64ToI32Truncated),
            0x66,
            0x0f,
            0x2c,
            0xc1));
  }

  private interface ToLong {
    long of(SseConversions convert, long bits);
  }

  private static void scalarToInteger(
      List<SseForm> forms, String name, int prefix, int opcode, ToLong narrow, ToLong wide) {
    forms.add(
        new SseForm(
            name,
            m -> m.rax = narrow.of(m.convert(), m.b()) & 0xffffffffL,
            prefix,
            0x0f,
            opcode,
            0xc1));
    forms.add(
        new SseForm(
            name + " r64",
            m -> m.rax = wide.of(m.convert(), m.b()),
            prefix,
            0x48,
            0x0f,
            opcode,
            0xc1));
  }

  private static void packedSingles(
      List<SseForm> forms, String name, int opcode, ToLong each, int prefix) {
    forms.add(
        new SseForm(
            name,
            m -> {
              m.low = two(m, m.b(), each);
              m.high = two(m, m.bHigh(), each);
            },
            prefix,
            0x0f,
            opcode,
            0xc1));
  }

  private static long two(Machine m, long pair, ToLong each) {
    long low = each.of(m.convert(), (int) pair) & 0xffffffffL;
    return low | each.of(m.convert(), (int) (pair >>> 32)) << 32;
  }

  private static long doubles(Machine m, ToLong each) {
    long low = each.of(m.convert(), m.b()) & 0xffffffffL;
    return low | each.of(m.convert(), m.bHigh()) << 32;
  }

  private static void doublesToLow(Machine m, ToLong each) {
    m.low = doubles(m, each);
    m.high = 0;
  }

  private static void fromIntegers(List<SseForm> forms) {
    forms.add(
        new SseForm(
            "cvtsi2ss",
            m -> m.setLow32(m.convert().i32ToF32((int) m.rcx)),
            0xf3,
            0x0f,
            0x2a,
            0xc1));
    forms.add(
        new SseForm(
            "cvtsi2ss r64",
            m -> m.setLow32(m.convert().i64ToF32(m.rcx)),
            0xf3,
            0x48,
            0x0f,
            0x2a,
            0xc1));
    forms.add(
        new SseForm(
            "cvtsi2sd", m -> m.low = m.convert().i32ToF64((int) m.rcx), 0xf2, 0x0f, 0x2a, 0xc1));
    forms.add(
        new SseForm(
            "cvtsi2sd r64",
            m -> m.low = m.convert().i64ToF64(m.rcx),
            0xf2,
            0x48,
            0x0f,
            0x2a,
            0xc1));
    packedSingles(forms, "cvtdq2ps", 0x5b, (c, b) -> c.i32ToF32((int) b));
    forms.add(
        new SseForm(
            "cvtpi2ps",
            m -> m.low = two(m, m.b(), (c, b) -> c.i32ToF32((int) b)),
            0x0f,
            0x2a,
            0xc1));
    forms.add(new SseForm("cvtdq2pd", SseForm::wideIntegers, 0xf3, 0x0f, 0xe6, 0xc1));
    forms.add(new SseForm("cvtpi2pd", SseForm::wideIntegers, 0x66, 0x0f, 0x2a, 0xc1));
  }

  private static void packedSingles(List<SseForm> forms, String name, int opcode, ToLong each) {
    forms.add(
        new SseForm(
            name,
            m -> {
              m.low = two(m, m.b(), each);
              m.high = two(m, m.bHigh(), each);
            },
            0x0f,
            opcode,
            0xc1));
  }

  private static void wideIntegers(Machine m) {
    m.low = m.convert().i32ToF64((int) m.b());
    m.high = m.convert().i32ToF64((int) (m.b() >>> 32));
  }

  private static void betweenFormats(List<SseForm> forms) {
    forms.add(
        new SseForm(
            "cvtss2sd", m -> m.low = m.convert().f32ToF64((int) m.b()), 0xf3, 0x0f, 0x5a, 0xc1));
    forms.add(
        new SseForm(
            "cvtsd2ss", m -> m.setLow32(m.convert().f64ToF32(m.b())), 0xf2, 0x0f, 0x5a, 0xc1));
    forms.add(
        new SseForm(
            "cvtps2pd",
            m -> {
              m.low = m.convert().f32ToF64((int) m.b());
              m.high = m.convert().f32ToF64((int) (m.b() >>> 32));
            },
            0x0f,
            0x5a,
            0xc1));
    forms.add(
        new SseForm(
            "cvtpd2ps", m -> doublesToLow(m, SseConversions::f64ToF32), 0x66, 0x0f, 0x5a, 0xc1));
  }
}
