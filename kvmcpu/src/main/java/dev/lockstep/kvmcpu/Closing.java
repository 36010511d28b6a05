package dev.lockstep.kvmcpu;

import java.util.ArrayDeque;
import java.util.Deque;

/** What has been made so far by something that may yet fail, to be closed then, last first. */
final class Closing {
  private final Deque<AutoCloseable> made = new ArrayDeque<>();

  <T extends AutoCloseable> T add(T one) {
    made.push(one);
    return one;
  }

  /** Closes everything; what goes wrong with that is told by the failure that led here. */
  void closeAfter(Throwable failure) {
    while (!made.isEmpty()) {
      try {
        made.pop().close();
      } catch (Exception e) {
        failure.addSuppressed(e);
      }
    }
  }
}
