package dev.lockstep.cli.control;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.replica.OutputSink;
import dev.lockstep.vmm.machine.OutputConsumer;

/** The outside of a machine whose console is read by offset, and shown to somebody else besides. */
public final class HistorySink implements OutputSink {
  private final ConsoleHistory history;
  private final OutputConsumer shown;

  /**
   * @param shown gets every stream's bytes that leave here
   */
  public HistorySink(ConsoleHistory history, OutputConsumer shown) {
    this.history = history;
    this.shown = shown;
  }

  @Override
  public void accept(int stream, long offset, byte[] bytes) {
    if (stream == VmRun.UART0) {
      history.accept(offset, bytes);
    }
    shown.accept(stream, offset, bytes);
  }

  @Override
  public void begin() {
    history.forget();
  }

  @Override
  public void leftAtPrimary(int stream, long offset, byte[] bytes) {
    if (stream == VmRun.UART0) {
      history.accept(offset, bytes);
    }
  }
}
