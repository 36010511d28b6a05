package dev.lockstep.cli.net;

import org.jspecify.annotations.Nullable;

/**
 * An interface of this host.
 *
 * @param name as ip(8) has it
 * @param kind {@code bridge}, {@code tap}, or what else the kernel calls it; empty for a plain one
 * @param bridge the bridge that it is a port of; null for none
 * @param up whether it is set up
 * @param carrier whether somebody is at its other end: of a tap, whether a machine has it open
 * @param ours whether {@code lockstep net} made it
 * @param addresses its IP addresses with the bits of their networks, behind each other with blanks; link-local ones left out
 */
public record NetworkLink(
    String name,
    String kind,
    @Nullable String bridge,
    boolean up,
    boolean carrier,
    boolean ours,
    String addresses) {

  /** Whether it is a bridge. */
  public boolean isBridge() {
    return kind.equals("bridge");
  }

  /** Whether it is a tap device. */
  public boolean isTap() {
    return kind.equals("tap");
  }
}
