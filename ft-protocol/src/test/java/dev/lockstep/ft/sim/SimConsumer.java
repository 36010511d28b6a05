package dev.lockstep.ft.sim;

import java.util.Arrays;

/** Reads the stream by offset and sees to it that it is the stream of one machine: no byte missing, none twice with another content. */
final class SimConsumer {
  private final Simulation simulation;
  private byte[] seen = new byte[1 << 12];
  private int length;
  private long streamHash;

  SimConsumer(Simulation simulation) {
    this.simulation = simulation;
  }

  /** Bytes received so far. */
  int length() {
    return length;
  }

  void accept(String from, SimGuest.Output output) {
    if (output.offset() > length) {
      simulation.violation(
          "%s sent offset %d, but the consumer has only %d bytes: output is lost"
              .formatted(from, output.offset(), length));
      return;
    }
    for (int i = 0; i < output.bytes().length; i++) {
      int at = (int) output.offset() + i;
      if (at < length) {
        if (seen[at] != output.bytes()[i]) {
          simulation.violation("%s contradicts what left before: byte %d".formatted(from, at));
          return;
        }
      } else {
        append(output.bytes()[i]);
      }
    }
    if (output.offset() + output.bytes().length == length && streamHash != output.streamHash()) {
      simulation.violation("%s sent output %d of another history".formatted(from, output.number()));
    }
  }

  private void append(byte next) {
    if (length == seen.length) {
      seen = Arrays.copyOf(seen, length * 2);
    }
    seen[length++] = next;
    streamHash = SimGuest.extend(streamHash, next);
  }
}
