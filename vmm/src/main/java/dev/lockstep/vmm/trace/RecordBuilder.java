package dev.lockstep.vmm.trace;

import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes records of the kinds that were wanted out of groups and events. A branch is known only when what comes next is. */
final class RecordBuilder implements TraceDecoder.Items {
  private final Set<TraceKind> kinds;
  private final Consumer<TraceRecord> records;
  private @Nullable TraceCode branching;
  private @Nullable TracePosition branchAt;

  RecordBuilder(Set<TraceKind> kinds, Consumer<TraceRecord> records) {
    this.kinds = kinds;
    this.records = records;
  }

  @Override
  public void group(
      TraceCode code,
      int first,
      int count,
      long instruction,
      long branchCount,
      @Nullable AccessDecoder accesses) {
    branch(code.address(first));
    int access = 0;
    for (int i = 0; i < count; i++) {
      TracePosition at =
          new TracePosition(
              instruction + i,
              branchCount,
              code.address(first + i),
              code.ring,
              TracePosition.UNKNOWN);
      if (kinds.contains(TraceKind.INSTRUCTIONS)) {
        records.accept(new TraceRecord.Instruction(at, code.bits, code.code(first + i)));
      }
      while (accesses != null && access < accesses.count() && accesses.step(access) <= i) {
        records.accept(accesses.access(access++, at));
      }
      if (first + i == code.instructions() - 1 && code.branch != null) {
        branching = code;
        branchAt = at;
      }
    }
  }

  @Override
  public void event(TraceRecord.Event event) {
    switch (event) {
      case TraceRecord.Resumed it -> {
        branch(it.at().rip());
        records.accept(it);
      }
      case TraceRecord.Left it -> {
        branch(it.at().rip());
        records.accept(it);
      }
      case TraceRecord.Delivered it -> {
        branch(it.at().rip());
        wanted(TraceKind.INTERRUPTS, it);
        it.accesses().forEach(records);
      }
      case TraceRecord.Call it -> wanted(TraceKind.CALLS, it);
      case TraceRecord.Port it -> wanted(TraceKind.PORTS, it);
      case TraceRecord.PageTable it -> wanted(TraceKind.CONTEXT, it);
      case TraceRecord.Entry it -> wanted(TraceKind.ENTRIES, it);
    }
  }

  private void wanted(TraceKind kind, TraceRecord record) {
    if (kinds.contains(kind)) {
      records.accept(record);
    }
  }

  /** Control went there. */
  private void branch(long target) {
    TraceCode code = branching;
    TracePosition at = branchAt;
    branching = null;
    if (code == null || at == null || !kinds.contains(TraceKind.BRANCHES)) {
      return;
    }
    BranchKind kind = code.branch;
    if (kind != null) {
      boolean taken = kind != BranchKind.CONDITIONAL || target != code.address(code.instructions());
      records.accept(new TraceRecord.Branch(at, kind, taken, target));
    }
  }

  /** Nothing comes any more: where a branch that is still open went is not known. */
  void finish() {
    branching = null;
  }
}
