package dev.lockstep.benchmarks.peers;

import java.io.IOException;

/** How a benchmark's process ends: with a status, and one that could not go on with a sentence of why. */
final class Ending {
  private static final int USAGE = 64;
  private static final int SOFTWARE = 70;

  /** The benchmark itself; the status that it ends with. */
  interface Benchmark {
    int run() throws IOException, InterruptedException;
  }

  private Ending() {}

  /** Runs it and ends the process. */
  static void after(String name, Benchmark benchmark) {
    int status;
    try {
      status = benchmark.run();
    } catch (IllegalArgumentException e) {
      // A number that is none has a message of its own too.
      System.err.printf("%s: %s%n", name, e.getMessage());
      status = USAGE;
    } catch (IOException e) {
      System.err.printf("%s: %s%n", name, e.getMessage());
      status = SOFTWARE;
    } catch (InterruptedException e) {
      System.err.printf("%s: interrupted%n", name);
      status = SOFTWARE;
    }
    System.exit(status);
  }
}
