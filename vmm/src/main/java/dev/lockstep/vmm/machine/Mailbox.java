package dev.lockstep.vmm.machine;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** What other threads want of a vCPU's thread, and how they wake it: bounded inputs, orders, and a signal without content. */
final class Mailbox {
  /** Inputs that wait at most. */
  static final int MAX_INPUTS = 1024;

  /** Bytes of received frames that wait at most. */
  static final int MAX_FRAME_BYTES = 512 << 10;

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
  // Frames have a queue of their own: a guest that takes none must not keep its console waiting.
  private final Deque<byte[]> frames = new ArrayDeque<>();
  private final Deque<Order> orders = new ArrayDeque<>();
  private final Runnable kick;
  private final ReentrantLock lock = new ReentrantLock();

  /** Something has come since the last wait. Parking is all that waits here: a condition makes an object for each wait, and Object.wait rounds up to milliseconds. */
  private volatile boolean signalled;

  private volatile @Nullable Thread waiting;
  private volatile boolean killed;
  private int frameBytes;

  /**
   * @param kick makes a running vCPU come to a boundary soon; any thread
   */
  Mailbox(Runnable kick) {
    this.kick = kick;
  }

  /** Adds an input; false if there are too many. */
  boolean offer(MachineInput input) {
    lock.lock();
    try {
      if (input instanceof MachineInput.NetworkFrames it) {
        if (frameBytes + it.packed().length > MAX_FRAME_BYTES) {
          return false;
        }
        frames.add(it.packed());
        frameBytes += it.packed().length;
      } else if (inputs.size() >= MAX_INPUTS) {
        return false;
      } else {
        inputs.add(input);
      }
    } finally {
      lock.unlock();
    }
    signal();
    return true;
  }

  /** Whether frames wait, and there is room for the first. */
  boolean hasFrames(ToIntFunction<byte[]> fitting) {
    lock.lock();
    try {
      byte[] first = frames.peek();
      return first != null && fitting.applyAsInt(first) > 0;
    } finally {
      lock.unlock();
    }
  }

  /** Drops all frames that wait. */
  void dropFrames() {
    lock.lock();
    try {
      frames.clear();
      frameBytes = 0;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes the first frames that wait, packed.
   *
   * @param fitting how many bytes the first of packed frames have that there is room for
   * @return null if there are none, or no room for the first
   */
  byte @Nullable [] takeFrames(ToIntFunction<byte[]> fitting) {
    lock.lock();
    try {
      byte[] first = frames.peek();
      int taken = first == null ? 0 : fitting.applyAsInt(first);
      if (first == null || taken == 0) {
        return null;
      }
      frames.remove();
      frameBytes -= taken;
      if (taken == first.length) {
        return first;
      }
      frames.addFirst(Arrays.copyOfRange(first, taken, first.length));
      return Arrays.copyOf(first, taken);
    } finally {
      lock.unlock();
    }
  }

  /** Adds an order. A machine that has too many to do can still be killed. */
  void order(Order order) {
    lock.lock();
    try {
      boolean kill = order instanceof Order.Kill;
      if (kill && killed) {
        return;
      }
      killed |= kill;
      if (orders.size() >= MAX_ORDERS && !kill) {
        throw new IllegalStateException("%d orders wait for the machine".formatted(orders.size()));
      }
      orders.add(order);
    } finally {
      lock.unlock();
    }
    signal();
  }

  /** Wakes the vCPU's thread, or makes it come to a boundary. */
  void signal() {
    wake();
    kick.run();
  }

  /** As {@link #signal}, for a thread that only has something to do if it waits. */
  void wake() {
    signalled = true;
    Thread sleeper = waiting;
    if (sleeper != null) {
      LockSupport.unpark(sleeper);
    }
  }

  /**
   * Waits until something has come since the last wait, or the time is over. One thread.
   *
   * @param nanos how long at most; {@link Long#MAX_VALUE} for ever
   * @return whether something has come
   */
  boolean await(long nanos) throws InterruptedException {
    if (!signalled && nanos > 0) {
      waiting = Thread.currentThread();
      try {
        park(nanos);
      } finally {
        waiting = null;
      }
    }
    if (!signalled) {
      return false;
    }
    // What came with a signal that is lost here is there already, and looked at next.
    signalled = false;
    return true;
  }

  private void park(long nanos) throws InterruptedException {
    long began = System.nanoTime();
    long left = nanos;
    while (!signalled && left > 0) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      if (nanos == Long.MAX_VALUE) {
        LockSupport.park(this);
      } else {
        LockSupport.parkNanos(this, left);
        left = nanos - (System.nanoTime() - began);
      }
    }
  }

  /** The next input, without taking it. */
  @Nullable MachineInput peekInput() {
    lock.lock();
    try {
      return inputs.peek();
    } finally {
      lock.unlock();
    }
  }

  /** Puts what is left of the next input in its place. */
  void replaceInput(MachineInput rest) {
    lock.lock();
    try {
      inputs.remove();
      inputs.addFirst(rest);
    } finally {
      lock.unlock();
    }
  }

  /** Takes the next input. */
  void removeInput() {
    lock.lock();
    try {
      inputs.remove();
    } finally {
      lock.unlock();
    }
  }

  /** Whether the machine is to be killed. */
  boolean isKilled() {
    return killed;
  }

  /** Takes the next order. */
  @Nullable Order pollOrder() {
    lock.lock();
    try {
      return orders.poll();
    } finally {
      lock.unlock();
    }
  }
}
