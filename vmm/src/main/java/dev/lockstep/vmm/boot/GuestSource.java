package dev.lockstep.vmm.boot;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.IOException;

/**
 * A stretch of guest memory as a source: what is checked there is what was loaded, whatever happens to the
 * file meanwhile.
 *
 * @param start guest-physical address
 */
record GuestSource(GuestMemory memory, long start, long size) implements ByteSource {
  @Override
  public void read(long at, byte[] into, int from, int length) throws IOException {
    ByteSource.requireInside(this, at, length);
    memory.read(start + at, into, from, length);
  }
}
