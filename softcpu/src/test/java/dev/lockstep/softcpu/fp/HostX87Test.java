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
 * Every x87 instruction, on random states, against the host's own: registers, stack, tags, status with all flags and condition codes, memory and RFLAGS, bit for bit. Transcendental results may be one
 * unit in the last place apart on either side. Where processors of different makers differ, {@link VendorChoices} says so.
 */
class HostX87Test {
  private final List<String> failures = new ArrayList<>();
  private final TreeMap<String, Integer> counts = new TreeMap<>();
  private final boolean amd = HostFpu.isAmd();
  private int compared;

  /** Cases in which makers differ. */
  private int open;

  @Test
  void agreesWithTheHost() {
    compare(2_000, 20_260_101);
  }

  @Test
  @Tag("long")
  void agreesWithTheHostForLong() {
    compare(100_000, System.nanoTime());
  }

  /** Every pair of special values of either sign, by every operation of two operands, in every rounding mode. */
  @Test
  void agreesWithTheHostOnPairsOfSpecialValues() {
    int[][] operations = {
      {0xd8, 0xc1}, {0xd8, 0xc9}, {0xd8, 0xd1}, {0xd8, 0xe1}, {0xd8, 0xe9}, {0xd8, 0xf1},
      {0xd8, 0xf9}, {0xdd, 0xe1}, {0xd9, 0xf1}, {0xd9, 0xf3}, {0xd9, 0xf5}, {0xd9, 0xf8},
      {0xd9, 0xf9}, {0xd9, 0xfd}
    };
    SplittableRandom random = new SplittableRandom(20_260_109);
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (int[] operation : operations) {
        List<X87Case> cases = new ArrayList<>();
        for (int i = 0; i < 4 * Operands.SPECIAL80.length * Operands.SPECIAL80.length; i++) {
          cases.add(X87Case.special(random, operation[0], operation[1], i));
        }
        for (int from = 0; from < cases.size(); from += HostFpu.BATCH) {
          send(host, cases.subList(from, Math.min(from + HostFpu.BATCH, cases.size())));
        }
      }
    }
    expectNoDifference();
  }

  private void compare(int casesPerForm, long seed) {
    System.out.println("HostX87Test seed " + seed);
    Operands operands = new Operands(new SplittableRandom(seed));
    try (HostFpu host = HostFpu.startOrSkip()) {
      for (int opcode = 0xd8; opcode <= 0xdf; opcode++) {
        for (int modrm = 0; modrm < 256; modrm++) {
          if (X87Dispatch.isKnown(opcode, modrm)) {
            compareForm(host, operands, opcode, modrm, casesPerForm);
          }
        }
      }
    }
    expectNoDifference();
  }

  private void expectNoDifference() {
    System.out.println("HostX87Test compared " + compared + " cases");
    if (!amd) {
      System.out.println(
          "HostX87Test: not compared, %d cases that differ as makers do: the host is not AMD's"
              .formatted(open));
      assertThat(open).as("such cases are few").isLessThan(compared / 1_000);
    }
    String first = String.join("\n", failures.subList(0, Math.min(30, failures.size())));
    assertThat(counts).as("differing cases by instruction, for example\n%s", first).isEmpty();
  }

  private void compareForm(HostFpu host, Operands operands, int opcode, int modrm, int cases) {
    boolean oneOfEight = modrm >= 0xc0 && !(opcode == 0xd9 && modrm >= 0xd0);
    int share = oneOfEight ? Math.max(cases / 4, 1) : cases;
    for (int done = 0; done < share; done += HostFpu.BATCH) {
      List<X87Case> sent = new ArrayList<>();
      for (int i = 0; i < Math.min(HostFpu.BATCH, share - done); i++) {
        sent.add(X87Case.random(operands, opcode, modrm));
      }
      send(host, sent);
    }
  }

  private void send(HostFpu host, List<X87Case> sent) {
    for (X87Case each : sent) {
      host.addX87(each.opcode(), each.modrm(), each.image(), each.memory());
    }
    host.flush();
    for (X87Case each : sent) {
      check(each, host.reply(HostFpu.X87_REPLY));
    }
  }

  private void check(X87Case given, ByteBuffer reply) {
    compared++;
    byte[] image = new byte[X87Case.IMAGE_BYTES];
    byte[] memory = new byte[16];
    reply.get(image).get(memory);
    int rflags = reply.getInt() & X87Dispatch.ARITHMETIC_FLAGS;
    X87Dispatch ours = new X87Dispatch();
    X87Images.restore(ours.unit.state, X87Images.Format.PROTECTED32, given.image());
    System.arraycopy(given.memory(), 0, ours.memory, 0, 16);
    ours.execute(given.opcode(), given.modrm());
    byte[] result = new byte[X87Case.IMAGE_BYTES];
    X87Images.save(ours.unit.state, X87Images.Format.PROTECTED32, result);
    String difference = VendorChoices.difference(given, result, ours, image, memory, rflags);
    if (difference != null && !amd && VendorChoices.isOpenOnOtherMakers(given, result, image)) {
      open++;
    } else if (difference != null) {
      note(given, difference, image, memory, result, ours);
    }
  }

  private void note(
      X87Case given,
      String difference,
      byte[] image,
      byte[] memory,
      byte[] result,
      X87Dispatch ours) {
    String name = "%02x %02x".formatted(given.opcode(), given.modrm());
    if (counts.merge(name, 1, Integer::sum) <= 1) {
      failures.add(
          difference
              + ": "
              + given
              + "\n   host "
              + X87Case.describe(image, memory)
              + "\n   ours "
              + X87Case.describe(result, ours.memory));
    }
  }
}
