package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.EntryDecoder;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.Moment;

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

  static LogEntry decode(Payload payload) throws LogFormatException {
    return new EntryDecoder(payload.bytes(), 0, payload.length()).next();
  }
}
