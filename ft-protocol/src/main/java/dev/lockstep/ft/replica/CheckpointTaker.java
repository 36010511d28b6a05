package dev.lockstep.ft.replica;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DirtyBlocks;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.BoundaryTask;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MemoryHash;
import dev.lockstep.vmm.snapshot.CheckpointWriter;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes a checkpoint of a machine, disks included, while its guest runs on: memory and disks are copied in passes, each with what was written since the one
 * before, memory in slices between two of which the guest runs. Only the rest is copied while the guest stands still, once it is so small that this takes no
 * longer than the bound, by the rate of the copying so far. A guest that writes faster than is copied is slowed, more with each pass that does not help, so that
 * it always comes to an end. A machine that has not started is copied at once. A backup that receives what is copied while it is copied sets the pace: a pass
 * ends when nearly all of it is there.
 *
 * <p>Blocks the calling thread for as long as it takes.
 */
final class CheckpointTaker {
  private static final int SLICE_PAGES = 512;
  private static final int SLICE_BLOCKS = 2_048;
  static final int MAX_PASSES = 24;
  private static final int FULL_SPEED_PERMILLE = 1_000;
  private static final int LEAST_SPEED_PERMILLE = 10;

  /** Slower than any host copies; until there is something to measure. */
  private static final double UNKNOWN_PAGES_PER_NANO = 20_000 / 1e9;

  /** The longest rest between two slices. */
  private static final long MAX_REST_NANOS = 20_000_000;

  /** How long the last of it may be on its way, if more passes help: the log waits behind it. */
  private static final long MAX_SENDING_NANOS = 300_000_000;

  /** The fewest pages that a rate is taken from. */
  private static final int MEASURED_PAGES = 64;

  /** So few are copied without asking. */
  private static final int FEW_PAGES = 32;

  private final Machine machine;
  private final OutgoingCheckpoint checkpoint;
  private final HeldOutputs gate;
  private final long maxPauseNanos;
  private final IntConsumer limitSpeed;

  private @Nullable CheckpointWriter writer;
  private @Nullable MemoryHash hash;
  private long copyNanos;
  private long copiedPages;
  private int speedPermille = FULL_SPEED_PERMILLE;

  /**
   * @param gate of the machine's outputs
   * @param maxPauseMillis how long the guest may stand still
   * @param limitSpeed makes the guest run at so many permille of its time, for as long as nothing else is said
   */
  CheckpointTaker(
      Machine machine,
      OutgoingCheckpoint checkpoint,
      HeldOutputs gate,
      int maxPauseMillis,
      IntConsumer limitSpeed) {
    this.machine = machine;
    this.checkpoint = checkpoint;
    this.gate = gate;
    this.maxPauseNanos = maxPauseMillis * 1_000_000L;
    this.limitSpeed = limitSpeed;
  }

  /** What {@link #whole} leaves behind. */
  record Whole(CheckpointPause pause, WrittenSince since) {}

  /**
   * Takes the whole machine, with the last of its outputs.
   *
   * @throws VmmException if the host fails, its disk is full, or the machine ends before
   */
  Whole whole() throws InterruptedException, OutgoingCheckpoint.AbandonedException {
    try {
      WrittenSince since = atBoundary(WrittenSince::begin);
      Written all = atBoundary(CheckpointTaker::everything);
      boolean done = false;
      try {
        CheckpointPause pause = take(since, all, true);
        // A backup that does not come to stand there is not in sync, and begins anew.
        since.equalAtMark();
        done = true;
        return new Whole(pause, since);
      } finally {
        if (!done) {
          machine.atBoundary(since::end);
        }
      }
    } catch (ExecutionException e) {
      throw failure(e.getCause() == null ? e : e.getCause());
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /**
   * Takes what may differ from a peer, with the outputs that are held.
   *
   * @param since what this machine has written since the two were equal
   * @param peer what the peer has, as {@link Written#encode} has it
   * @param everything whether to take all of memory
   */
  CheckpointPause differences(WrittenSince since, Payload peer, boolean everything)
      throws InterruptedException, OutgoingCheckpoint.AbandonedException {
    try {
      Written union =
          atBoundary(boundary -> {
            since.collect(boundary);
            Written both = since.all();
            both.add(Written.read(peer, boundary));
            if (everything) {
              both.pages().set(0, pageCount(boundary.memory()));
            }
            return both;
          });
      return take(since, union, false);
    } catch (ExecutionException e) {
      throw failure(e.getCause() == null ? e : e.getCause());
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private CheckpointPause take(WrittenSince since, Written first, boolean skipZeros)
      throws IOException,
          InterruptedException,
          ExecutionException,
          OutgoingCheckpoint.AbandonedException {
    FileChannel channel = checkpoint.openForWriting();
    try (DataOutputStream out =
        new DataOutputStream(
            new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 20))) {
      writer = new CheckpointWriter(out, atBoundary(Boundary::header));
      hash = atBoundary(boundary -> new MemoryHash(boundary.memory()));
      Written rest = first;
      BitSet toHash = atBoundary(boundary -> boundary.pages().everWritten());
      toHash.or(first.pages());
      for (int pass = 1; ; pass++) {
        copyPages(toHash, rest.pages(), skipZeros && pass == 1);
        copyBlocks(rest.blocks());
        out.flush();
        checkpoint.passWritten();
        long before = size(rest);
        boolean lastPass = pass >= MAX_PASSES;
        int passes = pass;
        Written fresh = Written.nothing(first.blocks().size());
        Optional<CheckpointPause> pause =
            atBoundary(boundary -> {
              long started = System.nanoTime();
              fresh.add(since.collect(boundary));
              long allowed = allowed();
              boolean another = size(fresh) > allowed || isWorthSending(size(fresh), before);
              if (another && !lastPass) {
                return Optional.empty();
              }
              since.mark();
              finish(boundary, out, channel, fresh);
              return Optional.of(
                  new CheckpointPause(
                      System.nanoTime() - started, size(fresh), allowed, passes, speedPermille));
            });
        if (pause.isPresent()) {
          return pause.get();
        }
        if (size(fresh) > allowed()) {
          slowDown(size(fresh), before);
        }
        rest = fresh;
        toHash = fresh.pages();
      }
    } finally {
      limitSpeed.accept(FULL_SPEED_PERMILLE);
    }
  }

  /** How many pages and blocks may be left: half of the bound is for everything else that is done in the pause. */
  private long allowed() {
    double rate =
        copiedPages < MEASURED_PAGES ? UNKNOWN_PAGES_PER_NANO : (double) copiedPages / copyNanos;
    return Math.max(FEW_PAGES, (long) (rate * maxPauseNanos / 2));
  }

  /** Whether another pass, beside the guest, is better than to have it all sent when the log begins to wait behind it. */
  private boolean isWorthSending(long now, long before) {
    return shrinks(now, before) && now > checkpoint.pagesSentWithin(MAX_SENDING_NANOS);
  }

  private static boolean shrinks(long now, long before) {
    return now <= before * 7 / 10;
  }

  private void slowDown(long now, long before) {
    // After the first pass there is nothing to compare with: it copied what the guest wrote in its
    // life.
    if (!shrinks(now, before) || speedPermille < FULL_SPEED_PERMILLE) {
      speedPermille = Math.max(LEAST_SPEED_PERMILLE, speedPermille / 2);
      limitSpeed.accept(speedPermille);
    }
  }

  /** The rest, while the guest stands still. */
  private void finish(Boundary boundary, DataOutputStream out, FileChannel channel, Written rest)
      throws IOException {
    List<DiskBackend> disks = boundary.disks();
    for (int disk = 0; disk < disks.size(); disk++) {
      writer().blocks(disk, disks.get(disk).store(), rest.blocks().get(disk));
    }
    hash(boundary.memory(), rest.pages());
    writer().pages(boundary.memory(), rest.pages());
    writer().state(boundary.encodedState());
    writer().end(boundary.digest(memoryHash()));
    out.flush();
    long outputsAt = channel.position();
    StreamPiece.write(gate.tail(), out);
    StreamPiece.write(gate.held(), out);
    out.flush();
    checkpoint.whole(
        channel,
        new CheckpointFile.Stand(
            boundary.nextSequence(), outputsAt, Moments.position(boundary.moment())));
  }

  private void copyPages(BitSet toHash, BitSet toCopy, boolean skipZeros)
      throws IOException,
          InterruptedException,
          ExecutionException,
          OutgoingCheckpoint.AbandonedException {
    int next = toHash.nextSetBit(0);
    while (next >= 0) {
      BitSet slice = new BitSet();
      for (int n = 0; n < SLICE_PAGES && next >= 0; n++) {
        slice.set(next);
        next = toHash.nextSetBit(next + 1);
      }
      long nanos =
          atBoundary(boundary -> {
            long started = System.nanoTime();
            copySlice(boundary.memory(), slice, toCopy, skipZeros);
            return System.nanoTime() - started;
          });
      // The guest runs as long as it has stood still, at full speed: slices one behind the other
      // would leave it nothing. One that is slowed gets as much less.
      LockSupport.parkNanos(Math.min(nanos, MAX_REST_NANOS) * speedPermille / FULL_SPEED_PERMILLE);
      checkpoint.written();
    }
  }

  private void copySlice(GuestMemory memory, BitSet slice, BitSet toCopy, boolean skipZeros)
      throws IOException {
    long started = System.nanoTime();
    long before = writer().pagesWritten();
    hash(memory, slice);
    BitSet copied = (BitSet) slice.clone();
    copied.and(toCopy);
    if (skipZeros) {
      writer().nonZeroPages(memory, copied);
    } else {
      writer().pages(memory, copied);
    }
    long pages = writer().pagesWritten() - before;
    if (pages > 0) {
      copiedPages += pages;
      copyNanos += System.nanoTime() - started;
    }
  }

  private void hash(GuestMemory memory, BitSet pages) {
    MemoryHash sum = memoryHash();
    for (int page = pages.nextSetBit(0); page >= 0; page = pages.nextSetBit(page + 1)) {
      sum.update(memory, page);
    }
  }

  /** Beside the guest: a block that it writes meanwhile is copied again. */
  private void copyBlocks(List<BitSet> blocks)
      throws IOException,
          InterruptedException,
          ExecutionException,
          OutgoingCheckpoint.AbandonedException {
    List<DiskBackend> disks = atBoundary(Boundary::disks);
    for (int disk = 0; disk < disks.size(); disk++) {
      BitSet wanted = blocks.get(disk);
      for (int from = 0; from < wanted.length(); from += SLICE_BLOCKS) {
        BitSet slice = new BitSet();
        slice.set(from, from + SLICE_BLOCKS);
        slice.and(wanted);
        writer().blocks(disk, disks.get(disk).store(), slice);
        checkpoint.written();
      }
    }
  }

  /** Every page that may be other than zero, and all blocks of the writable disks. Read-only disks are the same on both sides, or the configurations differ. */
  private static Written everything(Boundary boundary) {
    Written all = Written.nothing(boundary.disks().size());
    all.pages().or(boundary.pages().everWritten());
    for (int disk = 0; disk < all.blocks().size(); disk++) {
      BlockStore store = boundary.disks().get(disk).store();
      if (!store.readOnly()) {
        long count = (store.sizeBytes() + DirtyBlocks.BLOCK_BYTES - 1) / DirtyBlocks.BLOCK_BYTES;
        all.blocks().get(disk).set(0, Math.toIntExact(count));
      }
    }
    return all;
  }

  private static int pageCount(GuestMemory memory) {
    return Math.toIntExact(memory.segment().byteSize() >>> GuestMemory.PAGE_SHIFT);
  }

  private static long size(Written written) {
    long size = written.pages().cardinality();
    for (BitSet disk : written.blocks()) {
      size += disk.cardinality();
    }
    return size;
  }

  private CheckpointWriter writer() {
    CheckpointWriter begun = writer;
    if (begun == null) {
      throw new IllegalStateException("no checkpoint is begun");
    }
    return begun;
  }

  private MemoryHash memoryHash() {
    MemoryHash begun = hash;
    if (begun == null) {
      throw new IllegalStateException("no checkpoint is begun");
    }
    return begun;
  }

  private <T> T atBoundary(BoundaryTask<T> task) throws InterruptedException, ExecutionException {
    return machine.atBoundary(task).get();
  }

  private static VmmException failure(Throwable cause) {
    return cause instanceof VmmException known
        ? known
        : new VmmException(
            "the checkpoint could not be taken: "
                + (cause instanceof IOException && cause.getMessage() != null
                    ? cause.getMessage()
                    : cause),
            "Free space in the work folder, or name another one.",
            cause);
  }
}
