package dev.lockstep.vmm.disk;

import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One request of a disk device to its backend, and what came of it. Made by the device on the
 * vCPU's thread, executed by the backend's thread, and then applied to the guest by the vCPU's
 * thread again.
 */
public final class DiskRequest {

  /** What is asked for. */
  public enum Operation {
    /** Read a stretch of the disk. */
    READ,
    /** Write a stretch; durable after the next flush. */
    WRITE,
    /** Write a stretch and make it durable, for a guest that never flushes. */
    WRITE_THROUGH,
    /** Write zeroes over a stretch; durable after the next flush. */
    WRITE_ZEROES,
    /** Make all that was written before durable. */
    FLUSH
  }

  private final long id;
  private final Operation operation;
  private final long offset;
  private final int length;
  private byte @Nullable [] data;
  private @Nullable DiskStatus status;
  private @Nullable Exception failure;
  private final CountDownLatch executed = new CountDownLatch(1);

  /**
   * A request that is still to be executed.
   *
   * @param id unique for its disk, ascending in the order of submission
   * @param operation what is asked for
   * @param offset bytes from the disk's start; a multiple of the sector size, 0 for a flush
   * @param length bytes; a multiple of the sector size, 0 for a flush
   * @param data what is written, {@code length} bytes, for writes; else null
   */
  public DiskRequest(
      long id, Operation operation, long offset, int length, byte @Nullable [] data) {
    this.id = id;
    this.operation = operation;
    this.offset = offset;
    this.length = length;
    this.data = data;
    boolean carries = operation == Operation.WRITE || operation == Operation.WRITE_THROUGH;
    if (carries ? data == null || data.length != length : data != null) {
      throw new IllegalArgumentException(
          "%s of %d bytes with other data".formatted(operation, length));
    }
  }

  /** Unique for its disk, ascending in the order of submission. */
  public long id() {
    return id;
  }

  /** What is asked for. */
  public Operation operation() {
    return operation;
  }

  /** Bytes from the disk's start. */
  public long offset() {
    return offset;
  }

  /** Bytes. */
  public int length() {
    return length;
  }

  /**
   * What is to be written, or, once executed, what was read; null otherwise. Belongs to the
   * request: not to be changed.
   */
  public byte @Nullable [] data() {
    return data;
  }

  /** Whether the backend is done with it. What it came to may be read after that. */
  public boolean isExecuted() {
    return executed.getCount() == 0;
  }

  /** How it ended; null before it {@link #isExecuted}. */
  public @Nullable DiskStatus status() {
    return isExecuted() ? status : null;
  }

  /** Why the host could not do it; null if it could, or before it {@link #isExecuted}. */
  public @Nullable Exception failure() {
    return isExecuted() ? failure : null;
  }

  /** Waits until it is executed. */
  public void awaitExecuted() throws InterruptedException {
    executed.await();
  }

  /**
   * For a restore: it was executed before its state was saved, and must not be again.
   *
   * @param ended how
   * @param readData what was read, for a read that succeeded; else null
   */
  public void executedBefore(DiskStatus ended, byte @Nullable [] readData) {
    if (readData != null) {
      data = readData;
    }
    finish(ended);
  }

  void succeeded(byte @Nullable [] readData) {
    if (readData != null) {
      data = readData;
    }
    finish(DiskStatus.OK);
  }

  void failed(Exception cause) {
    failure = cause;
    finish(DiskStatus.IO_ERROR);
  }

  private void finish(DiskStatus ended) {
    if (isExecuted()) {
      throw new IllegalStateException("%s was executed twice".formatted(this));
    }
    status = ended;
    executed.countDown();
  }

  @Override
  public String toString() {
    return "%s #%d of %d bytes at %d".formatted(operation, id, length, offset);
  }
}
