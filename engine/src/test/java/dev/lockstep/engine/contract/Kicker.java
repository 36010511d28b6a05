package dev.lockstep.engine.contract;

import dev.lockstep.engine.Vcpu;

/** A thread that kicks a vCPU as fast as it can until it is closed; the first kick is sent before the constructor returns. */
final class Kicker implements AutoCloseable {
  private final Thread thread;
  private volatile boolean stopped;
  private volatile long sent;

  Kicker(Vcpu vcpu) {
    vcpu.kick();
    sent = 1;
    thread =
        Thread.ofPlatform()
            .name("kicker")
            .start(() -> {
              while (!stopped) {
                vcpu.kick();
                sent = sent + 1;
                Thread.onSpinWait();
              }
            });
  }

  /** Kicks so far. */
  long sent() {
    return sent;
  }

  @Override
  public void close() {
    stopped = true;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
