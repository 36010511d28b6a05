package dev.lockstep.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An engine that a debugger outside the guest can stop. Nothing of it is part of the guest-visible state: the guest's debug registers and memory stay as they are, and a guest that was stopped goes on exactly as one
 * that was not.
 */
public interface DebuggableVcpu extends Vcpu {
  /**
   * A stretch of linear addresses that is watched.
   *
   * @param linear its first address
   * @param length bytes, at least 1
   * @param reads whether loads count
   * @param writes whether stores count
   */
  record Watchpoint(long linear, int length, boolean reads, boolean writes) {
    public Watchpoint {
      if (length < 1) {
        throw new IllegalArgumentException("a watchpoint of %d bytes".formatted(length));
      }
    }

    /** Whether an access of that kind touches it. */
    public boolean covers(long address, int size, boolean write) {
      return (write ? writes : reads)
          && (address - linear >= 0 && address - linear < length
              || linear - address >= 0 && linear - address < size);
    }
  }

  /**
   * From now on {@link #run} and {@link #runTo} never execute an instruction at one of these addresses: they exit with {@link VcpuExit.Kicked} before it. {@link #step} does execute it.
   *
   * @param linear linear addresses; empty for none
   */
  void stopBefore(long[] linear);

  /** Whether the vCPU stands before an instruction at such an address. */
  boolean stopsHere();

  /**
   * From now on {@link #run} and {@link #runTo} exit with {@link VcpuExit.Kicked} after an instruction (or one iteration of a repeated string instruction) that has accessed one of these stretches by its own loads and
   * stores; what devices and page walks do does not count. {@link #takeWatched} tells which it was, after {@link #step} as well.
   */
  void watch(List<Watchpoint> watchpoints);

  /** The watchpoint that was hit since this was last asked, or null. */
  @Nullable Watchpoint takeWatched();
}
