package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/**
 * Looks whether a checkpoint that contains only some pages would make a machine's memory what the checkpoint says, without touching the machine. It would not
 * if a page differs that it does not contain.
 */
public final class CheckpointFit implements CheckpointReader.Target {
  private final Map<Integer, Long> pages = new HashMap<>();
  private long wanted;

  private CheckpointFit() {}

  /**
   * Reads a checkpoint to its end.
   *
   * @throws IOException if it is damaged or cannot be read
   */
  public static CheckpointFit of(CheckpointReader checkpoint) throws IOException {
    CheckpointFit fit = new CheckpointFit();
    while (checkpoint.next(fit)) {
      // to the end
    }
    return fit;
  }

  /** Whether the machine's memory would be the checkpoint's. */
  public boolean fits(Boundary boundary) {
    GuestMemory memory = boundary.memory();
    long last = memory.segment().byteSize() >>> GuestMemory.PAGE_SHIFT;
    if (pages.keySet().stream().anyMatch(page -> page >= last)) {
      return false;
    }
    BitSet own = boundary.pages().everWritten();
    return StateHash.memory(memory, own, pages) == wanted;
  }

  @Override
  public void page(int page, byte[] bytes, int from) {
    pages.put(page, StateHash.page(bytes, from));
  }

  @Override
  public void blocks(int disk, long offset, byte[] bytes, int from, int length) {
    // A disk is not hashed: that would read all of it.
  }

  @Override
  public void state(byte[] state) {
    // Its section has a checksum.
  }

  @Override
  public void end(MachineDigest digest) {
    wanted = digest.memory();
  }
}
