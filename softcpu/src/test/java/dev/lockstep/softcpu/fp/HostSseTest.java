package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Every SSE and SSE2 floating-point instruction but the approximations against the host's own, bit for bit: result, MXCSR, RFLAGS, and whether #XM is raised, over rounding modes, FTZ, DAZ, masks and
 * sticky flags.
 */
class HostSseTest {
  private final List<String> failures = new ArrayList<>();
  private final TreeMap<String, Integer> counts = new TreeMap<>();
  private int compared;

  private record Case(int mxcsr, long[] xmm, long rcx) {}

  @Test
  void agreesWithTheHost() {
    compare(4_000, 20_260_102);
  }

  @Test
  @Tag("long")
  void agreesWithTheHostForLong() {
    compare(100_000, System.nanoTime());
  }

  /** Every pair of special values of either sign, by every operation of two operands. */
  @Test
  void agreesWithTheHostOnPairsOfSpecialValues() {
    SplittableRandom random = new SplittableRandom(20_260_110);
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (SseForm form : SseForm.all()) {
        if (form.name().startsWith("cvt") || form.name().startsWith("sqrt")) {
          continue;
        }
        int n = form.isSingle() ? Operands.SPECIAL32.length : Operands.SPECIAL64.length;
        // A packed form does several pairs at once.
        for (int i = 0; i < 4 * n * n; i += HostFpu.BATCH) {
          Case[] sent = new Case[Math.min(HostFpu.BATCH, 4 * n * n - i)];
          for (int j = 0; j < sent.length; j++) {
            sent[j] = special(random, form.isSingle(), i + j);
          }
          send(host, form, sent);
        }
      }
    }
    expectNoDifference();
  }

  private static Case special(SplittableRandom random, boolean single, int combination) {
    int n = single ? Operands.SPECIAL32.length : Operands.SPECIAL64.length;
    long[] xmm = new long[4];
    for (int half = 0; half < 2; half++) {
      int pair = (combination >>> 2) + half;
      xmm[half] = special(single, pair % n, combination & 1);
      xmm[2 + half] = special(single, pair / n % n, combination >>> 1 & 1);
    }
    int masks = random.nextInt(4) == 0 ? random.nextInt(64) : 0x3f;
    int modes = random.nextInt(4) << 13 | random.nextInt(2) << 6 | random.nextInt(2) << 15;
    return new Case(masks << 7 | modes | random.nextInt(2) << 5, xmm, 0);
  }

  private static long special(boolean single, int index, int sign) {
    if (single) {
      long bits = (Operands.SPECIAL32[index] | sign << 31) & 0xffffffffL;
      return bits | bits << 32;
    }
    return Operands.SPECIAL64[index] | (long) sign << 63;
  }

  private void compare(int cases, long seed) {
    System.out.println("HostSseTest seed " + seed);
    Operands operands = new Operands(new SplittableRandom(seed));
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (SseForm form : SseForm.all()) {
        for (int done = 0; done < cases; done += HostFpu.BATCH) {
          compareBatch(host, operands, form, Math.min(HostFpu.BATCH, cases - done));
        }
      }
    }
    expectNoDifference();
  }

  private void expectNoDifference() {
    System.out.println("HostSseTest compared " + compared + " cases");
    String first = String.join("\n", failures.subList(0, Math.min(30, failures.size())));
    assertThat(counts).as("differing cases by instruction, for example\n%s", first).isEmpty();
  }

  private void compareBatch(HostFpu host, Operands operands, SseForm form, int size) {
    Case[] sent = new Case[size];
    for (int i = 0; i < size; i++) {
      sent[i] = random(operands, form);
    }
    send(host, form, sent);
  }

  private void send(HostFpu host, SseForm form, Case[] sent) {
    for (Case each : sent) {
      host.addSse(form.bytes(), form.usesMmx(), each.mxcsr, each.xmm, each.rcx);
    }
    host.flush();
    for (Case each : sent) {
      check(form, each, host.reply(HostFpu.SSE_REPLY));
    }
  }

  private static Case random(Operands operands, SseForm form) {
    int masks = operands.random.nextInt(3) == 0 ? operands.random.nextInt(64) : 0x3f;
    int mxcsr = masks << 7 | operands.random.nextInt(64);
    mxcsr |= operands.random.nextInt(4) << 13;
    mxcsr |= operands.random.nextInt(4) == 0 ? SseState.DAZ : 0;
    mxcsr |= operands.random.nextInt(4) == 0 ? SseState.FTZ : 0;
    if (operands.random.nextInt(3) == 0) {
      // Where the fast paths apply.
      mxcsr = SseState.MXCSR_INIT | SseState.PE;
    }
    long[] xmm = new long[4];
    boolean near = operands.random.nextInt(4) == 0;
    for (int i = 0; i < 4; i++) {
      long other = i >= 2 && near ? xmm[i - 2] : 0;
      if (other != 0) {
        xmm[i] = other ^ operands.random.nextInt(8) ^ operands.random.nextLong() & Long.MIN_VALUE;
      } else if (form.isSingle()) {
        xmm[i] = operands.next32() & 0xffffffffL | (long) operands.next32() << 32;
      } else {
        xmm[i] = operands.next64();
      }
    }
    return new Case(mxcsr, xmm, operands.sparse() >> operands.random.nextInt(64));
  }

  private void check(SseForm form, Case given, ByteBuffer reply) {
    compared++;
    boolean hostFaults = reply.get() != 0;
    int hostMxcsr = reply.getInt();
    long[] host = {reply.getLong(), reply.getLong(), reply.getLong(), reply.getLong()};
    int hostFlags = reply.getInt() & X87Dispatch.ARITHMETIC_FLAGS;
    SseForm.Machine machine = new SseForm.Machine();
    machine.unit.state.mxcsr = given.mxcsr;
    System.arraycopy(given.xmm, 0, machine.unit.state.xmm, 0, 4);
    machine.rcx = given.rcx;
    machine.low = given.xmm[0];
    machine.high = given.xmm[1];
    machine.mm0 = form.usesMmx() ? given.xmm[0] : 0;
    form.operation().on(machine);
    boolean faults = !machine.unit.state.complete();
    boolean same = faults == hostFaults && machine.unit.state.mxcsr == hostMxcsr;
    if (same && !faults) {
      same =
          machine.low == host[0]
              && machine.high == host[1]
              && machine.mm0 == host[2]
              && machine.rax == host[3]
              && machine.rflags == hostFlags;
    }
    if (!same && counts.merge(form.name(), 1, Integer::sum) <= 2) {
      failures.add(
          "%s mxcsr %04x %016x:%016x, %016x:%016x rcx %x\n  host %b %04x %016x:%016x mm0 %x rax %x flags %x\n  ours %b %04x %016x:%016x mm0 %x rax %x flags %x"
              .formatted(
                  form.name(),
                  given.mxcsr,
                  given.xmm[1],
                  given.xmm[0],
                  given.xmm[3],
                  given.xmm[2],
                  given.rcx,
                  hostFaults,
                  hostMxcsr,
                  host[1],
                  host[0],
                  host[2],
                  host[3],
                  hostFlags,
                  faults,
                  machine.unit.state.mxcsr,
                  machine.high,
                  machine.low,
                  machine.mm0,
                  machine.rax,
                  machine.rflags));
    }
  }
}
