package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.EntryDecoder;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.DivergenceException;

/** The machine's entries and moments in the protocol's terms. Each entry is encoded by itself, so that any record can be read without the ones before. */
final class Moments {
  private Moments() {}

  static Position position(Moment moment) {
    return new Position(moment.count(), moment.haltedNanos());
  }

  static Payload encode(EntryEncoder encoder, LogEntry entry) {
    encoder.reset();
    encoder.add(entry);
    return Payload.of(encoder.toByteArray());
  }

  /**
   * What a replay has found to differ.
   *
   * @param before how far it had come
   */
  static Divergence divergence(DivergenceException why, BackupInput.Replayed before) {
    LogEntry expected = why.expected();
    return new Divergence(
        before.throughSequence() + 1,
        expected instanceof LogEntry.OutputEntry ? before.outputs() + 1 : 0,
        why.field(),
        why.recorded(),
        why.replayed(),
        expected == null ? "" : expected.at().toString(),
        why.at().toString());
  }

  static LogEntry decode(Payload payload) throws LogFormatException {
    return new EntryDecoder(payload.bytes(), 0, payload.length()).next();
  }
}
