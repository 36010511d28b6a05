package dev.lockstep.ft.control;

import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Sends a stream of answers no faster than its consumer takes them, on a virtual thread that ends with the call: at its source's end, at a failure, or when the consumer goes away. One of a bounded number.
 *
 * @param <T> of the answers
 */
final class StreamPump<T> {
  /**
   * Where the answers come from.
   *
   * @param <T> of the answers
   */
  interface Source<T> {
    /** Sends everything there is; returns at the end. Interrupted when the consumer goes away. */
    void run(StreamPump<T> to) throws InterruptedException;
  }

  private final ServerCallStreamObserver<T> to;
  private final Semaphore slots;
  private @Nullable Thread thread;
  private boolean gone;
  private boolean finished;

  /**
   * To be made while the call begins, before anything is sent.
   *
   * @param slots one is taken while it runs
   */
  StreamPump(ServerCallStreamObserver<T> to, Semaphore slots) {
    this.to = to;
    this.slots = slots;
    to.setOnReadyHandler(this::ready);
    // The handler waits behind a message of the caller's that is being dealt with, the context does
    // not; but without a handler, answers to who is gone are exceptions.
    to.setOnCancelHandler(() -> {});
    Context.current().addListener(context -> cancelled(), Runnable::run);
  }

  /** Begins. At most once. */
  void start(String name, Source<T> source) {
    if (!slots.tryAcquire()) {
      fail(
          new ControlException(
              ControlException.Kind.BUSY,
              "there are %d streams open already".formatted(ControlLimits.MAX_STREAMS),
              "Close a console or a watcher of events, then open this one."));
      return;
    }
    synchronized (this) {
      if (gone) {
        slots.release();
        return;
      }
      thread = Thread.ofVirtual().name(name).unstarted(() -> pump(source));
      thread.start();
    }
  }

  private void pump(Source<T> source) {
    try {
      source.run(this);
      finish();
    } catch (InterruptedException e) {
      // The consumer is gone, and was the only one who wanted this.
      fail(e);
    } catch (RuntimeException e) {
      fail(e);
    } finally {
      slots.release();
    }
  }

  /** Sends one, as soon as the consumer has room for it. For the source's thread. */
  void send(T answer) throws InterruptedException {
    synchronized (this) {
      while (!to.isReady() && !gone) {
        wait();
      }
      if (gone) {
        throw new InterruptedException("the consumer is gone");
      }
      to.onNext(answer);
    }
  }

  /** Whether nobody takes the answers any more. */
  synchronized boolean isGone() {
    return gone;
  }

  /** Ends the call with a failure, unless it has ended. Any thread. */
  synchronized void fail(Throwable failure) {
    boolean first = !gone && !finished;
    gone = true;
    Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
    notifyAll();
    if (first) {
      finished = true;
      to.onError(Failures.of(failure));
    }
  }

  private synchronized void finish() {
    if (!gone && !finished) {
      finished = true;
      to.onCompleted();
    }
  }

  private synchronized void ready() {
    notifyAll();
  }

  private synchronized void cancelled() {
    gone = true;
    Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
    notifyAll();
  }
}
