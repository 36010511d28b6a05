package dev.lockstep.ft.replica;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DirtyBlocks;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.BoundaryTask;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.PageTracker;
import dev.lockstep.vmm.snapshot.CheckpointWriter;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * Takes a checkpoint of a machine, disks included, while its guest runs on: memory and disks are copied in passes, each with what was written since the one
 * before, memory in slices between two of which the guest runs; only the rest, small by then, is copied while it stands still. A machine that has not started
 * is copied at once.
 *
 * <p>Blocks the calling thread for as long as it takes.
 */
final class CheckpointTaker {
  private static final int SLICE_PAGES = 512;
  private static final int MAX_PASSES = 5;
  private static final int SMALL_PAGES = 2_048;

  private final Machine machine;
  private final CheckpointFile file;
  private final Supplier<List<StreamPiece>> tail;

  /**
   * @param tail the last of what the machine has put out; asked at the very boundary the checkpoint is of
   */
  CheckpointTaker(Machine machine, CheckpointFile file, Supplier<List<StreamPiece>> tail) {
    this.machine = machine;
    this.file = file;
    this.tail = tail;
  }

  /**
   * Takes it.
   *
   * @param taken told, on the vCPU's thread at the very boundary the checkpoint is of, how many chunks it has
   * @throws VmmException if the host fails or the machine ends before
   */
  void take(IntConsumer taken) throws IOException, InterruptedException {
    FileChannel channel = file.openForWriting();
    try (DataOutputStream out =
        new DataOutputStream(
            new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 20))) {
      // The machine's number of the next entry, and where the outputs are, is known at the end
      // only; room is left for it.
      out.write(new byte[CheckpointFile.PREFACE_BYTES]);
      CheckpointWriter writer = new CheckpointWriter(out, atBoundary(Boundary::header));
      PageTracker.Watch watch = atBoundary(boundary -> boundary.pages().watch());
      try {
        BitSet pages = atBoundary(boundary -> boundary.pages().everWritten());
        List<BitSet> blocks = atBoundary(CheckpointTaker::allBlocks);
        boolean first = true;
        for (int pass = 0;
            pass < MAX_PASSES && (first || pages.cardinality() > SMALL_PAGES);
            pass++) {
          copyPages(writer, pages, first);
          copyBlocks(writer, atBoundary(Boundary::disks), blocks);
          pages = atBoundary(boundary -> boundary.pages().take(watch));
          blocks = atBoundary(CheckpointTaker::dirtyBlocks);
          first = false;
        }
        finish(out, channel, writer, watch, pages, blocks, taken);
      } finally {
        atBoundary(boundary -> {
          boundary.pages().unwatch(watch);
          return watch;
        });
      }
    } catch (ExecutionException e) {
      throw failure(e);
    }
  }

  /** The rest, while the guest stands still. */
  private void finish(
      DataOutputStream out,
      FileChannel channel,
      CheckpointWriter writer,
      PageTracker.Watch watch,
      BitSet pages,
      List<BitSet> blocks,
      IntConsumer taken)
      throws InterruptedException, ExecutionException {
    atBoundary(boundary -> {
      List<BitSet> lastBlocks = dirtyBlocks(boundary);
      for (int disk = 0; disk < lastBlocks.size(); disk++) {
        lastBlocks.get(disk).or(blocks.get(disk));
      }
      copyBlocks(writer, boundary.disks(), lastBlocks);
      BitSet last = boundary.pages().take(watch);
      last.or(pages);
      writer.pages(boundary.memory(), last);
      writer.state(boundary.encodedState());
      writer.end(boundary.digest(false));
      out.flush();
      long outputsAt = channel.position();
      StreamPiece.write(tail.get(), out);
      out.flush();
      channel.write(CheckpointFile.preface(boundary.nextSequence(), outputsAt), 0);
      taken.accept(file.chunkCount());
      return watch;
    });
  }

  private void copyPages(CheckpointWriter writer, BitSet pages, boolean first)
      throws InterruptedException, ExecutionException {
    int next = pages.nextSetBit(0);
    while (next >= 0) {
      BitSet slice = new BitSet();
      for (int n = 0; n < SLICE_PAGES && next >= 0; n++) {
        slice.set(next);
        next = pages.nextSetBit(next + 1);
      }
      atBoundary(boundary -> {
        write(writer, boundary.memory(), slice, first);
        return slice;
      });
    }
  }

  private static void write(
      CheckpointWriter writer, GuestMemory memory, BitSet slice, boolean first) throws IOException {
    if (first) {
      writer.nonZeroPages(memory, slice);
    } else {
      writer.pages(memory, slice);
    }
  }

  private static void copyBlocks(
      CheckpointWriter writer, List<DiskBackend> disks, List<BitSet> blocks) throws IOException {
    for (int disk = 0; disk < disks.size(); disk++) {
      writer.blocks(disk, disks.get(disk).store(), blocks.get(disk));
    }
  }

  /** All blocks of the writable disks; what is written from here on is dirty. Read-only disks are the same on both sides, or the configurations differ. */
  private static List<BitSet> allBlocks(Boundary boundary) {
    List<BitSet> blocks = dirtyBlocks(boundary);
    for (int disk = 0; disk < blocks.size(); disk++) {
      BlockStore store = boundary.disks().get(disk).store();
      blocks.get(disk).clear();
      if (!store.readOnly()) {
        long count = (store.sizeBytes() + DirtyBlocks.BLOCK_BYTES - 1) / DirtyBlocks.BLOCK_BYTES;
        blocks.get(disk).set(0, Math.toIntExact(count));
      }
    }
    return blocks;
  }

  /** What was written since the last look, all of it executed: a block is marked before it is written. */
  private static List<BitSet> dirtyBlocks(Boundary boundary) {
    List<BitSet> blocks = new ArrayList<>();
    for (DiskBackend disk : boundary.disks()) {
      disk.drain();
      blocks.add(disk.dirty().harvest());
    }
    return blocks;
  }

  private <T> T atBoundary(BoundaryTask<T> task) throws InterruptedException, ExecutionException {
    return machine.atBoundary(task).get();
  }

  private static VmmException failure(ExecutionException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return cause instanceof VmmException known
        ? known
        : new VmmException(
            "the checkpoint could not be taken: " + cause,
            "Free space in the work folder, or name another one.",
            cause);
  }
}
