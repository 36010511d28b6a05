package dev.lockstep.vmm.net.flow;

import java.util.ArrayDeque;
import java.util.Arrays;

/** Datagrams between two ends in one direction, as two guests have sent them: the same ones, in the same order. */
final class DatagramFlow {
  /** So many may be ahead on one side. */
  private static final int MAX_AHEAD = 1024;

  private final ArrayDeque<byte[]> theirs = new ArrayDeque<>();
  private final ArrayDeque<byte[]> own = new ArrayDeque<>();
  private long theirCount;
  private long matched;

  /** What became of a datagram that was added. */
  enum Added {
    FINE,
    DIFFERS,
    TOO_MANY
  }

  /**
   * One more of the other guest.
   */
  Added expect(byte[] payload) {
    theirCount++;
    return add(theirs, own, payload);
  }

  /** One more of the guest here. */
  Added produce(byte[] payload) {
    return add(own, theirs, payload);
  }

  private Added add(ArrayDeque<byte[]> to, ArrayDeque<byte[]> other, byte[] payload) {
    byte[] counterpart = other.poll();
    if (counterpart != null) {
      matched++;
      return Arrays.equals(counterpart, payload) ? Added.FINE : Added.DIFFERS;
    }
    if (to.size() >= MAX_AHEAD) {
      return Added.TOO_MANY;
    }
    to.add(payload);
    return Added.FINE;
  }

  /** How many the other guest has sent. */
  long expected() {
    return theirCount;
  }

  /** How many of the first ones of both are the same. */
  long matched() {
    return matched;
  }
}
