package dev.lockstep.vmm.trace;

import java.util.Iterator;
import java.util.List;

/** Records, and how many of those to come belong to the instruction that was given last. */
final class GroupedRecords implements Iterator<TraceRecord> {
  private final List<TraceRecord> records;
  private int at;

  GroupedRecords(List<TraceRecord> records) {
    this.records = records;
  }

  @Override
  public boolean hasNext() {
    return at < records.size();
  }

  @Override
  public TraceRecord next() {
    return records.get(at++);
  }

  int following() {
    int end = at;
    while (end < records.size()
        && (records.get(end) instanceof TraceRecord.Access
            || records.get(end) instanceof TraceRecord.Branch)) {
      end++;
    }
    return end - at;
  }
}
