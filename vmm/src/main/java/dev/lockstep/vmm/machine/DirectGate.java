package dev.lockstep.vmm.machine;

/** The gate of a machine that nobody protects, and of a replay: every output leaves at once. */
public final class DirectGate implements OutputGate {
  private final OutputConsumer consumer;

  /**
   * @param consumer the outside; called on the vCPU's thread
   */
  public DirectGate(OutputConsumer consumer) {
    this.consumer = consumer;
  }

  @Override
  public void offer(Output output) {
    consumer.accept(output.entry().stream(), output.entry().offset(), output.bytes());
  }
}
