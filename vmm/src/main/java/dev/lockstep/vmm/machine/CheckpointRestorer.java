package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;

/** Fills a machine from a checkpoint, and checks that it has become what the checkpoint says. */
final class CheckpointRestorer implements CheckpointReader.Target {
  private final MachineCore core;
  private final WrittenBlocks written = new WrittenBlocks();

  /** Whether the machine has run: then its engine has to hear what becomes of its code. */
  private final boolean used;

  /** Whether the memory is what was saved, and that is known. */
  private final boolean filled;

  private CheckpointRestorer(MachineCore core, boolean used, boolean filled) {
    this.core = core;
    this.used = used;
    this.filled = filled;
  }

  /** For a machine that has not run, with memory that is all zeros. */
  static CheckpointRestorer into(MachineCore core) {
    return new CheckpointRestorer(core, false, false);
  }

  /** For a machine that has not run, with memory that is already what was saved. */
  static CheckpointRestorer intoFilled(MachineCore core) {
    return new CheckpointRestorer(core, false, true);
  }

  /** For a machine that has run, and of which only what the checkpoint contains is to change. */
  static CheckpointRestorer over(MachineCore core) {
    return new CheckpointRestorer(core, true, false);
  }

  /** The blocks that were restored, which a checkpoint of the restored machine must have as well. */
  WrittenBlocks written() {
    return written;
  }

  @Override
  public void page(int page, byte[] bytes, int from) throws IOException {
    GuestMemory memory = core.memory();
    long offset = (long) page << GuestMemory.PAGE_SHIFT;
    if (offset + GuestMemory.PAGE_SIZE > memory.segment().byteSize()) {
      throw new IOException("page %d is beyond the machine's memory".formatted(page));
    }
    if (used) {
      memory.write(HostMemory.guestPhysical(memory, page), bytes, from, GuestMemory.PAGE_SIZE);
      return;
    }
    MemorySegment.copy(
        bytes, from, memory.segment(), GuestMemory.U8, offset, GuestMemory.PAGE_SIZE);
    memory.markDirty(offset);
  }

  @Override
  public void blocks(int disk, long offset, byte[] bytes, int from, int length) throws IOException {
    List<DiskBackend> disks = core.disks();
    if (disk >= disks.size()) {
      throw new IOException("there is no disk %d".formatted(disk));
    }
    BlockStore store = disks.get(disk).store();
    if (offset < 0 || offset > store.sizeBytes() - length) {
      throw new IOException("disk %d has no %d bytes at %d".formatted(disk, length, offset));
    }
    written.mark(disk, offset, length);
    try {
      store.write(offset, ByteBuffer.wrap(bytes, from, length));
    } catch (IOException e) {
      // The checkpoint is whole, this host is not.
      throw new VmmException(
          "disk '%s' cannot be written: %s".formatted(store.name(), e.getMessage()),
          "Make room on its file system, or see to its medium.",
          e);
    }
  }

  @Override
  public void state(byte[] state) {
    MachineStateCodec.restore(core, state);
  }

  @Override
  public void end(MachineDigest digest) {
    MachineDigest become =
        filled
            ? new MachineDigest(
                core.registersDigest(), core.devicesDigest(), digest.memory(), digest.disks())
            : core.digest(!digest.disks().isEmpty());
    List<String> differences = digest.differences(become);
    if (!differences.isEmpty()) {
      throw new VmmException(
          "the restored machine is not the one that was saved: %s".formatted(differences),
          "Use another snapshot; this one cannot be restored by this version.");
    }
  }
}
