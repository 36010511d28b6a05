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
 * it always comes to an end. A machine that has not started is copied at once.
 *
 * <p>Blocks the calling thread for as long as it takes.
 */
final class CheckpointTaker {
  private static final int SLICE_PAGES = 512;
  static final int MAX_PASSES = 24;
  private static final int FULL_SPEED_PERMILLE = 1_000;
  private static final int LEAST_SPEED_PERMILLE = 10;

  /** Slower than any host copies; until there is something to measure. */
  private static final double UNKNOWN_PAGES_PER_NANO = 20_000 / 1e9;

  /** The longest rest between two slices. */
  private static final long MAX_REST_NANOS = 20_000_000;

  /** The fewest pages that a rate is taken from. */
  private static final int MEASURED_PAGES = 64;

  /** So few are copied without asking. */
  private static final int FEW_PAGES = 32;

  private final Machine machine;
  private final CheckpointFile file;
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
      CheckpointFile file,
      HeldOutputs gate,
      int maxPauseMillis,
      IntConsumer limitSpeed) {
    this.machine = machine;
    this.file = file;
    this.gate = gate;
    this.maxPauseNanos = maxPauseMillis * 1_000_000L;
    this.limitSpeed = limitSpeed;
  }

  /** What {@link #whole} leaves behind. */
  record Whole(CheckpointPause pause, WrittenSince since) {}

  /**
   * Takes the whole machine, with the last of its outputs.
   *
   * @param taken told, on the vCPU's thread at the very boundary the checkpoint is of, how many chunks it has
   * @throws VmmException if the host fails or the machine ends before
   */
  Whole whole(IntConsumer taken) throws IOException, InterruptedException {
    try {
      WrittenSince since = atBoundary(WrittenSince::begin);
      Written all = atBoundary(CheckpointTaker::everything);
      boolean done = false;
      try {
        CheckpointPause pause = take(since, all, true, taken);
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
      throw failure(e);
    }
  }

  /**
   * Takes what may differ from a peer, with the outputs that are held.
   *
   * @param since what this machine has written since the two were equal
   * @param peer what the peer has, as {@link Written#encode} has it
   * @param everything whether to take all of memory
   * @param taken as for {@link #whole}
   */
  CheckpointPause differences(
      WrittenSince since, Payload peer, boolean everything, IntConsumer taken)
      throws IOException, InterruptedException {
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
      return take(since, union, false, taken);
    } catch (ExecutionException e) {
      throw failure(e);
    }
  }

  private CheckpointPause take(
      WrittenSince since, Written first, boolean skipZeros, IntConsumer taken)
      throws IOException, InterruptedException, ExecutionException {
    FileChannel channel = file.openForWriting();
    try (DataOutputStream out =
        new DataOutputStream(
            new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 20))) {
      // Where it stands is known at the end only; room is left for it.
      out.write(new byte[CheckpointFile.PREFACE_BYTES]);
      writer = new CheckpointWriter(out, atBoundary(Boundary::header));
      hash = atBoundary(boundary -> new MemoryHash(boundary.memory()));
      Written rest = first;
      BitSet toHash = atBoundary(boundary -> boundary.pages().everWritten());
      toHash.or(first.pages());
      for (int pass = 1; ; pass++) {
        copyPages(toHash, rest.pages(), skipZeros && pass == 1);
        copyBlocks(writer(), atBoundary(Boundary::disks), rest.blocks());
        long before = size(rest);
        boolean lastPass = pass >= MAX_PASSES;
        int passes = pass;
        Written fresh = Written.nothing(first.blocks().size());
        Optional<CheckpointPause> pause =
            atBoundary(boundary -> {
              long started = System.nanoTime();
              fresh.add(since.collect(boundary));
              long allowed = allowed();
              if (size(fresh) > allowed && !lastPass) {
                return Optional.empty();
              }
              finish(boundary, out, channel, fresh);
              since.mark();
              taken.accept(file.chunkCount());
              return Optional.of(
                  new CheckpointPause(
                      System.nanoTime() - started, size(fresh), allowed, passes, speedPermille));
            });
        if (pause.isPresent()) {
          return pause.get();
        }
        slowDown(size(fresh), before);
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

  private void slowDown(long now, long before) {
    // After the first pass there is nothing to compare with: it copied what the guest wrote in its
    // life.
    if (now > before * 7 / 10 || speedPermille < FULL_SPEED_PERMILLE) {
      speedPermille = Math.max(LEAST_SPEED_PERMILLE, speedPermille / 2);
      limitSpeed.accept(speedPermille);
    }
  }

  /** The rest, while the guest stands still. */
  private void finish(Boundary boundary, DataOutputStream out, FileChannel channel, Written rest)
      throws IOException {
    copyBlocks(writer(), boundary.disks(), rest.blocks());
    hash(boundary.memory(), rest.pages());
    writer().pages(boundary.memory(), rest.pages());
    writer().state(boundary.encodedState());
    writer().end(boundary.digest(memoryHash()));
    out.flush();
    long outputsAt = channel.position();
    StreamPiece.write(gate.tail(), out);
    StreamPiece.write(gate.held(), out);
    out.flush();
    channel.write(
        CheckpointFile.preface(
            boundary.nextSequence(), outputsAt, Moments.position(boundary.moment())),
        0);
  }

  private void copyPages(BitSet toHash, BitSet toCopy, boolean skipZeros)
      throws InterruptedException, ExecutionException {
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

  private static void copyBlocks(
      CheckpointWriter writer, List<DiskBackend> disks, List<BitSet> blocks) throws IOException {
    for (int disk = 0; disk < disks.size(); disk++) {
      writer.blocks(disk, disks.get(disk).store(), blocks.get(disk));
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

  private static VmmException failure(ExecutionException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
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
