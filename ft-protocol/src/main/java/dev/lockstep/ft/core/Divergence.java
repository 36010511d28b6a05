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
 */
public record Divergence(
    long sequence,
    long output,
    String field,
    String expected,
    String found,
    String expectedAt,
    String foundAt) {

  @Override
  public String toString() {
    return "record %d: %s is %s at %s of the primary, %s at %s of the backup"
        .formatted(sequence, field, expected, expectedAt, found, foundAt);
  }
}
