package dev.lockstep.ft.core;

/**
 * What a backup's replay found to differ. Words for people; the protocol does not look into them.
 *
 * @param sequence the record that the replay does not fulfil
 * @param output the number of the output that it would have been; 0 if the record names no output
 * @param field what differs
 * @param expected the primary's value: an output's hash or bytes, a digest
 * @param found the backup's
 * @param expectedAt the primary's point
 * @param foundAt the backup's
 * @param planned nothing was found: the backup stands because it is time for a checkpoint
 */
public record Divergence(
    long sequence,
    long output,
    String field,
    String expected,
    String found,
    String expectedAt,
    String foundAt,
    boolean planned) {

  /** One that was found. */
  public Divergence(
      long sequence,
      long output,
      String field,
      String expected,
      String found,
      String expectedAt,
      String foundAt) {
    this(sequence, output, field, expected, found, expectedAt, foundAt, false);
  }

  /** None: the backup stands behind a record because it is time for a checkpoint. */
  public static Divergence planned(long sequence, String at) {
    return new Divergence(sequence, 0, "nothing", "", "", "", at, true);
  }

  @Override
  public String toString() {
    return planned
        ? "a planned checkpoint behind record " + sequence
        : "record %d: %s is %s at %s of the primary, %s at %s of the backup"
            .formatted(sequence, field, expected, expectedAt, found, foundAt);
  }
}
