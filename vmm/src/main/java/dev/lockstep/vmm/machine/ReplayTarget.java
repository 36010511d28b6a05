package dev.lockstep.vmm.machine;

/** Where a replay is to stop, before the end of its log. What is not reached there ends the replay as if nothing had been said. */
public sealed interface ReplayTarget {
  /**
   * The first boundary at which the branch count has come to this.
   *
   * @param count not negative
   */
  record Count(long count) implements ReplayTarget {}

  /**
   * The first boundary with this branch count at which RIP is this.
   *
   * @param count not negative
   */
  record Address(long count, long rip) implements ReplayTarget {}

  /**
   * So many steps behind the first boundary with this branch count: instructions, iterations of repeated ones, deliveries.
   *
   * @param count not negative
   * @param steps 0 for {@link Count}
   */
  record Steps(long count, long steps) implements ReplayTarget {}

  /**
   * An entry's moment, before the entry takes effect.
   *
   * @param sequence its number in the log
   */
  record Entry(long sequence) implements ReplayTarget {}

  /**
   * The first boundary at which virtual time has come to this; exactly this if the guest is halted then.
   *
   * @param nanos since the machine was created
   */
  record Time(long nanos) implements ReplayTarget {}
}
