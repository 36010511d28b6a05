package dev.lockstep.vmm.machine;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What other threads want of a vCPU's thread, and how they wake it: bounded inputs, orders, and a signal without content. */
final class Mailbox {
  /** Inputs that wait at most. */
  static final int MAX_INPUTS = 1024;

  /** Orders that wait at most. */
  private static final int MAX_ORDERS = 256;

  /** Something the vCPU's thread is asked to do. */
  sealed interface Order {
    /** Stop at this boundary until {@link Resume}. */
    record Pause(CompletableFuture<Void> done) implements Order {}

    /** Go on. */
    record Resume() implements Order {}

    /** End in order. */
    record Stop() implements Order {}

    /** End at once. */
    record Kill() implements Order {}

    /** Look at the machine. */
    record Look(Runnable task) implements Order {}

    /** Become live when the log is consumed. */
    record GoLive(LogSink sink, long epoch, CompletableFuture<Void> done) implements Order {}
  }

  private final Deque<MachineInput> inputs = new ArrayDeque<>();
  private final Deque<Order> orders = new ArrayDeque<>();
  private final Runnable kick;
  private boolean signalled;

  /**
   * @param kick makes a running vCPU come to a boundary soon; any thread
   */
  Mailbox(Runnable kick) {
    this.kick = kick;
  }

  /** Adds an input; false if there are too many. */
  boolean offer(MachineInput input) {
    synchronized (this) {
      if (inputs.size() >= MAX_INPUTS) {
        return false;
      }
      inputs.add(input);
      signalled = true;
      notifyAll();
    }
    kick.run();
    return true;
  }

  /** Adds an order. */
  void order(Order order) {
    synchronized (this) {
      if (orders.size() >= MAX_ORDERS) {
        throw new IllegalStateException("%d orders wait for the machine".formatted(orders.size()));
      }
      orders.add(order);
      signalled = true;
      notifyAll();
    }
    kick.run();
  }

  /** Wakes the vCPU's thread, or makes it come to a boundary. */
  void signal() {
    synchronized (this) {
      signalled = true;
      notifyAll();
    }
    kick.run();
  }

  /** As {@link #signal}, for a thread that only has something to do if it waits. */
  void wake() {
    synchronized (this) {
      signalled = true;
      notifyAll();
    }
  }

  /**
   * Waits until something has come since the last wait, or the time is over.
   *
   * @param nanos how long at most; {@link Long#MAX_VALUE} for ever
   * @return whether something has come
   */
  synchronized boolean await(long nanos) throws InterruptedException {
    long deadline = nanos == Long.MAX_VALUE ? 0 : System.nanoTime() + nanos;
    while (!signalled) {
      if (nanos == Long.MAX_VALUE) {
        wait();
        continue;
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
    signalled = false;
    return true;
  }

  /** The next input, without taking it. */
  synchronized @Nullable MachineInput peekInput() {
    return inputs.peek();
  }

  /** Puts what is left of the next input in its place. */
  synchronized void replaceInput(MachineInput rest) {
    inputs.remove();
    inputs.addFirst(rest);
  }

  /** Takes the next input. */
  synchronized void removeInput() {
    inputs.remove();
  }

  /** Takes the next order. */
  synchronized @Nullable Order pollOrder() {
    return orders.poll();
  }
}
