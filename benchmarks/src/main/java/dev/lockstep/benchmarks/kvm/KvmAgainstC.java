package dev.lockstep.benchmarks.kvm;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Compares, in one run, Java with an equivalent loop in C: see the package. Prints a table in Markdown. The limit that we set ourselves: at the median at most {@link #RATIO} times C or {@link #NANOS} ns
 * more, whichever is larger, and no byte allocated.
 *
 * <p>Arguments: the number of counted rounds, then the quantities wanted; none for all.
 */
public final class KvmAgainstC {
  private static final double RATIO = 1.10;
  private static final double NANOS = 50;
  private static final int ROUNDS = 11;

  /** Branches that no run gets to. */
  private static final long FAR = 1_000_000_000;

  /** Turns of each side in a round. */
  private static final int TURNS = 5;

  /** So many samples, or for so long, but at least so many turns: HotSpot's last compiler has seen the loops by then. */
  private static final int WARM_UP_SAMPLES = 40_000, WARM_UP_TURNS = 10;

  private static final long WARM_UP_NANOS = 6_000_000_000L;

  /** Standard exit codes for wrong arguments, and for a host that lacks what is needed (sysexits.h). */
  private static final int USAGE = 64, UNAVAILABLE = 69;

  private KvmAgainstC() {}

  public static void main(String[] arguments) throws IOException {
    List<String> wanted =
        Arrays.asList(arguments).subList(Math.min(1, arguments.length), arguments.length);
    int rounds = arguments.length == 0 ? ROUNDS : number(arguments[0]);
    List<String> known = Arrays.stream(Quantity.values()).map(Quantity::id).toList();
    if (rounds < 1 || !known.containsAll(wanted)) {
      System.err.println(
          "bench-kvm: the first argument is a number of rounds, the others are of "
              + String.join(", ", known));
      System.exit(USAGE);
    }
    try {
      compare(rounds, wanted);
    } catch (KvmException e) {
      fail(String.valueOf(e.getMessage()), e.advice());
    } catch (VmmException e) {
      fail(String.valueOf(e.getMessage()), e.advice());
    }
  }

  /** 0 for what is none. */
  private static int number(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private static void fail(String what, String advice) {
    System.err.println("bench-kvm: " + what + ". " + advice);
    System.exit(UNAVAILABLE);
  }

  private static void compare(int rounds, List<String> wanted) throws IOException {
    Path folder = Files.createTempDirectory("bench-kvm");
    try (Kvm kvm = Kvm.open()) {
      HostTraits traits = new HostProbes(Kvm.DEVICE).traits();
      System.out.printf(
          "ring 0 is %s here; %d rounds, C and Java in turn; the median of the rounds' medians, of their ratios and of their differences, and the range of the rounds' medians%n%n",
          traits.ring0Native() ? "native" : "emulated", rounds);
      System.out.println(
          "| quantity | Java | C ns | Java ns | ratio | difference ns | verdict | bytes / sample | C range | Java range |");
      System.out.println("|---|---|---:|---:|---:|---:|---|---:|---:|---:|");
      Path program = CSide.compile(folder);
      for (Quantity quantity : Quantity.values()) {
        if (wanted.isEmpty() || wanted.contains(quantity.id())) {
          compare(kvm, traits, quantity, program, folder, rounds);
        }
      }
    } finally {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  private static void compare(
      Kvm kvm, HostTraits traits, Quantity quantity, Path program, Path folder, int rounds)
      throws IOException {
    Map<String, Side> sides = new LinkedHashMap<>();
    try {
      Path file = folder.resolve(quantity.id());
      BindingsSide bindings = new BindingsSide(kvm, quantity);
      bindings.write(file);
      sides.put("C", new CSide(program, quantity, file));
      if (quantity.isOfBindings()) {
        sides.put("bindings", bindings);
      } else {
        bindings.close();
      }
      if (quantity.isOfEngine()) {
        sides.put("engine", new EngineSide(kvm, traits, quantity, Long.MAX_VALUE));
      }
      if (quantity.isExit()) {
        sides.put("engine, deadline", new EngineSide(kvm, traits, quantity, FAR));
      }
      if (quantity.isHarvest()) {
        // Between two harvests a guest runs, too seldom to be compiled by that.
        try (Side exits = new EngineSide(kvm, traits, Quantity.PORT_WRITE, Long.MAX_VALUE)) {
          warmUp(exits, Quantity.PORT_WRITE);
        }
      }
      for (Side side : sides.values()) {
        warmUp(side, quantity);
      }
      print(quantity, measure(sides, quantity, rounds));
    } finally {
      for (Side side : sides.values()) {
        side.close();
      }
    }
  }

  private static void warmUp(Side side, Quantity quantity) throws IOException {
    long[] nanos = new long[quantity.samples];
    long start = System.nanoTime();
    for (int samples = 0, turns = 0;
        turns < WARM_UP_TURNS
            || samples < WARM_UP_SAMPLES && System.nanoTime() - start < WARM_UP_NANOS;
        turns++) {
      side.turn(nanos);
      samples += nanos.length;
    }
  }

  private static Map<String, Medians> measure(
      Map<String, Side> sides, Quantity quantity, int rounds) throws IOException {
    Map<String, Medians> results = new LinkedHashMap<>();
    sides.keySet().forEach(name -> results.put(name, new Medians()));
    for (int round = 0; round < rounds; round++) {
      for (int turn = 0; turn < TURNS; turn++) {
        for (Map.Entry<String, Side> entry : sides.entrySet()) {
          turn(entry.getValue(), quantity, Objects.requireNonNull(results.get(entry.getKey())));
        }
      }
      results.values().forEach(Medians::endRound);
    }
    return results;
  }

  private static void turn(Side side, Quantity quantity, Medians result) throws IOException {
    long[] nanos = new long[quantity.samples];
    side.turn(nanos);
    if (side.pages() < quantity.leastPages() * quantity.samples) {
      throw new IllegalStateException(
          "%s: the dirty log named %d pages in %d samples"
              .formatted(side, side.pages(), quantity.samples));
    }
    result.addTurn(nanos, side.allocated());
  }

  private static void print(Quantity quantity, Map<String, Medians> results) {
    Medians c = Objects.requireNonNull(results.get("C"));
    results.forEach((name, java) -> {
      if (java != c) {
        double ratio = java.medianRatioTo(c);
        double difference = java.medianDifferenceTo(c);
        System.out.printf(
            "| %s | %s | %,.0f | %,.0f | %.2f | %+,.0f | %s | %s | %s | %s |%n",
            quantity.title,
            name,
            c.median(),
            java.median(),
            ratio,
            difference,
            ratio <= RATIO || difference <= NANOS ? "within" : "over",
            java.bytesPerSample() == 0 ? "0" : "%.3f".formatted(java.bytesPerSample()),
            c.range(),
            java.range());
      }
    });
  }
}
