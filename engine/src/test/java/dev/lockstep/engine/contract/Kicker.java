package dev.lockstep.engine.contract;

import dev.lockstep.engine.Vcpu;

/** A thread that kicks a vCPU five thousand times a second until it is closed, so that a guest behind slow exits still gets on; the first kick is sent before the constructor returns. */
final class Kicker implements AutoCloseable {
  private static final long PAUSE_NANOS = 200_000;

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
                long next = System.nanoTime() + PAUSE_NANOS;
                while (System.nanoTime() - next < 0) {
                  Thread.onSpinWait();
                }
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
