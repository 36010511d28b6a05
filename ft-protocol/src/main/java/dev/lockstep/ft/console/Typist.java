package dev.lockstep.ft.console;

import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Types at a guest, in order and in small pieces, and waits while it takes none: it is paused, its queue of inputs is full, or its replica is not live yet. A guest does not tell when it takes input again, so it
 * is asked again and again; here and nowhere else.
 */
public final class Typist {
  /** Bytes that are offered at once, all or none of which a guest takes: its queue of inputs is bounded by their number. */
  private static final int PIECE_BYTES = 1024;

  private static final long RETRY_MILLIS = 5;

  private final Predicate<byte[]> guest;

  /**
   * @param guest takes a piece; false if it does not take it now
   */
  public Typist(Predicate<byte[]> guest) {
    this.guest = guest;
  }

  /**
   * Types, and waits until all is taken.
   *
   * @param patient asked before each wait; false to give up
   * @return false if it was given up, with the rest not typed
   */
  public boolean type(byte[] bytes, BooleanSupplier patient) throws InterruptedException {
    for (int at = 0; at < bytes.length; at += PIECE_BYTES) {
      byte[] piece = Arrays.copyOfRange(bytes, at, Math.min(at + PIECE_BYTES, bytes.length));
      while (!guest.test(piece)) {
        if (!patient.getAsBoolean()) {
          return false;
        }
        Thread.sleep(RETRY_MILLIS);
      }
    }
    return true;
  }
}
