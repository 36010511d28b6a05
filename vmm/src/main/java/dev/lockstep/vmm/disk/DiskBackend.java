package dev.lockstep.vmm.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Executes the requests of one disk, one after the other in the order of submission, on a thread of
 * its own. So requests that overlap can never be seen out of order, and a flush covers all that was
 * submitted before it. Made, used and closed by the machine; the store outlives it.
 *
 * <p>A listener must not throw and must not block: it hands the request on.
 */
public final class DiskBackend implements AutoCloseable {
  /** Requests that may wait; whoever submits one more waits with them. */
  public static final int QUEUE_REQUESTS = 256;

  private static final int ZERO_CHUNK_BYTES = 1 << 20;

  private final BlockStore store;
  private final Consumer<DiskRequest> executedListener;
  private final DirtyBlocks dirty = new DirtyBlocks();
  private final BlockingQueue<Runnable> queue = new ArrayBlockingQueue<>(QUEUE_REQUESTS);
  private final Thread thread;
  private boolean stopping;
  private volatile boolean closed;

  /**
   * Starts the backend.
   *
   * @param store where the bytes are
   * @param threadName of its thread
   * @param executedListener told of every executed request, on the backend's thread
   */
  public DiskBackend(BlockStore store, String threadName, Consumer<DiskRequest> executedListener) {
    this.store = store;
    this.executedListener = executedListener;
    this.thread = Thread.ofPlatform().name(threadName).daemon().start(this::work);
  }

  /** Where the bytes are. */
  public BlockStore store() {
    return store;
  }

  /** What the guest has written. */
  public DirtyBlocks dirty() {
    return dirty;
  }

  /**
   * Queues a request; waits while the queue is full. One that was executed before its state was
   * saved is only reported.
   *
   * @throws IllegalStateException if the backend is closed
   */
  public void submit(DiskRequest request) {
    enqueue(() -> execute(request));
  }

  /** Waits until everything submitted before is executed and reported. */
  public void drain() {
    CountDownLatch reached = new CountDownLatch(1);
    enqueue(reached::countDown);
    uninterrupted(() -> {
      reached.await();
      return reached;
    });
  }

  /**
   * Waits until a request that was submitted here is executed: how a replica has its own I/O done
   * when the log says that the request completed.
   */
  public void await(DiskRequest request) {
    uninterrupted(() -> {
      request.awaitExecuted();
      return request;
    });
  }

  /**
   * Executes what is queued, and ends the thread. Does not close the store. A second call does
   * nothing.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    enqueue(() -> stopping = true);
    closed = true;
    uninterrupted(() -> {
      thread.join();
      return thread;
    });
  }

  private void enqueue(Runnable work) {
    if (closed) {
      throw new IllegalStateException("backend of '%s' is closed".formatted(store.name()));
    }
    uninterrupted(() -> {
      queue.put(work);
      return work;
    });
  }

  /** The queue is short and the thread never blocks on anything but the host's disk. */
  private static <T> T uninterrupted(Callable<T> wait) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return wait.call();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void work() {
    try {
      while (!stopping) {
        uninterrupted(queue::take).run();
      }
    } finally {
      closed = true;
    }
  }

  private void execute(DiskRequest request) {
    if (!request.isExecuted()) {
      try {
        request.succeeded(perform(request));
      } catch (IOException e) {
        request.failed(e);
      }
    }
    executedListener.accept(request);
  }

  private byte @Nullable [] perform(DiskRequest request) throws IOException {
    switch (request.operation()) {
      case READ -> {
        byte[] data = new byte[request.length()];
        store.read(request.offset(), ByteBuffer.wrap(data));
        return data;
      }
      case WRITE -> write(request);
      case WRITE_THROUGH -> {
        write(request);
        store.flush();
      }
      case WRITE_ZEROES -> {
        dirty.mark(request.offset(), request.length());
        zero(request.offset(), request.length());
      }
      case FLUSH -> store.flush();
    }
    return null;
  }

  private void write(DiskRequest request) throws IOException {
    byte[] data = request.data();
    if (data == null) {
      throw new IllegalStateException("%s has no data".formatted(request));
    }
    // Before the write: one that fails half-way has changed the disk as well.
    dirty.mark(request.offset(), request.length());
    store.write(request.offset(), ByteBuffer.wrap(data));
  }

  private void zero(long offset, int length) throws IOException {
    ByteBuffer zeroes = ByteBuffer.allocate(Math.min(length, ZERO_CHUNK_BYTES));
    for (int done = 0; done < length; done += zeroes.limit()) {
      zeroes.clear().limit(Math.min(zeroes.capacity(), length - done));
      store.write(offset + done, zeroes);
    }
  }
}
