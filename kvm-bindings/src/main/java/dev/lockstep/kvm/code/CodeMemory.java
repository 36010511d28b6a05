package dev.lockstep.kvm.code;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.memory.Access;
import dev.lockstep.kvm.memory.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory for code, mapped twice: once to be written, once to be read and executed, so that no page may ever be both through one address (W^X). Pages take memory when first written. Used by one
 * thread at a time.
 */
public final class CodeMemory implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment written;
  private final MemorySegment executed;

  /**
   * Maps it.
   *
   * @param name what /proc/self/maps shows after {@code memfd:}
   * @param bytes a multiple of the page
   * @throws KvmException where the host forbids executable memory of a program's own making (some security modules do)
   */
  public CodeMemory(String name, long bytes) {
    try (MemoryFile file = MemoryFile.create(name, bytes)) {
      this.written = file.mapShared(arena, Access.READ_WRITE, 0, bytes);
      this.executed = file.mapShared(arena, Access.READ_EXECUTE, 0, bytes);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** To write to. */
  public MemorySegment written() {
    return written;
  }

  /** The address at which a byte of it is executed, or read by its code. */
  public long address(long offset) {
    return executed.address() + offset;
  }

  /**
   * The place of a function in it, for {@link CodeCall}. It is of no scope: a call of one that is has to hold the scope open, which costs an atomic operation on either side of code that may take nanoseconds. So nothing but its
   * owner keeps it from being called after {@link #close}.
   */
  public MemorySegment function(long offset) {
    return MemorySegment.ofAddress(address(offset));
  }

  /** Unmaps it: nothing of it may run then or later. */
  @Override
  public void close() {
    arena.close();
  }
}
