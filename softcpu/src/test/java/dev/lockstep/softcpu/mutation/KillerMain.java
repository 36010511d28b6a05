package dev.lockstep.softcpu.mutation;

/** Runs killers one after the other in a JVM of its own, on whatever CPU is first on its class path. Prints what noticed a mistake. */
final class KillerMain {
  static final int ALL_WELL = 0;
  static final int CAUGHT = 10;

  private static final int SHOWN = 300;

  private KillerMain() {}

  /**
   * @param args the seed, then killers
   */
  public static void main(String[] args) throws Exception {
    long seed = Long.parseLong(args[0]);
    for (int i = 1; i < args.length; i++) {
      String failure = attempt(Killer.parse(args[i]), seed);
      if (!failure.isEmpty()) {
        String line = failure.replace('\n', ' ');
        System.out.println(args[i] + ": " + line.substring(0, Math.min(SHOWN, line.length())));
        System.exit(CAUGHT);
      }
    }
    System.exit(ALL_WELL);
  }

  /** A mistake may show as an exception out of the CPU as well; but not as a class that does not load. */
  private static String attempt(Killer killer, long seed) throws Exception {
    try {
      return killer.failure(seed);
    } catch (AssertionError e) {
      return e.toString();
    } catch (IllegalStateException | IndexOutOfBoundsException | ClassCastException e) {
      if (e.getStackTrace().length > 0
          && e.getStackTrace()[0].getClassName().startsWith(Killer.class.getPackageName())) {
        throw e;
      }
      return e.toString();
    }
  }
}
