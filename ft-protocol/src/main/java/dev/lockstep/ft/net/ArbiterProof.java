package dev.lockstep.ft.net;

/**
 * Something the primary has written into its arbiter and the backup must read in its own: a "shared" path may be two local ones.
 *
 * @param key where; not empty
 * @param nonce what; random
 */
public record ArbiterProof(String key, long nonce) {
  private static final int MAX_KEY_CHARS = 128;

  public ArbiterProof {
    if (key.isEmpty() || key.length() > MAX_KEY_CHARS) {
      throw new IllegalArgumentException(
          "the key of a proof has %d characters".formatted(key.length()));
    }
  }
}
