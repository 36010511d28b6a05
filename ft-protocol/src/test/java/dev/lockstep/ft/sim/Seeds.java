package dev.lockstep.ft.sim;

import dev.lockstep.ft.core.Build;

/**
 * Runs seeds from the command line: {@code Seeds BUILD FIRST COUNT}, or with a count of 0 one seed with its whole story. The test class path is needed.
 */
final class Seeds {
  private Seeds() {}

  public static void main(String[] args) {
    Build build = Build.valueOf(args[0]);
    long first = Long.parseLong(args[1]);
    long count = Long.parseLong(args[2]);
    if (count == 0) {
      Simulation told = new Simulation(first, build);
      told.verbose = true;
      System.out.println(told.run());
    } else if (build == Build.PRODUCTION) {
      Campaign campaign = new Campaign();
      campaign.run(first, count);
      campaign.violations().forEach(System.out::println);
      System.out.println(campaign);
    } else {
      System.out.println(build + ": " + Campaign.firstCatch(build, first, count));
    }
  }
}
