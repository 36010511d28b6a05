package dev.lockstep.vmm.trace;

import java.util.function.Consumer;

/** Writes a trace in a form for others. Nothing of it throws {@link java.io.IOException}: a stream that fails is asked at the end. */
public interface TraceExporter extends Consumer<TraceRecord> {
  /** Everything was given. */
  void finish();
}
