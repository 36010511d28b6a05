package dev.lockstep.softcpu;

import dev.lockstep.engine.DebuggableVcpu.Watchpoint;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a debugger outside the guest stops at; apart from the guest's own {@link DebugRegisters}. */
final class HostBreakpoints {
  private final Cpu c;
  private long[] stops = {};
  private List<Watchpoint> watchpoints = List.of();
  private @Nullable Watchpoint hit;

  /** There are addresses to stop before. */
  boolean stopping;

  /** There are watchpoints. */
  boolean watching;

  HostBreakpoints(Cpu c) {
    this.c = c;
  }

  /** Decoded blocks must be dropped after this: they end before these addresses. */
  void stopBefore(long[] linear) {
    stops = linear.clone();
    Arrays.sort(stops);
    stopping = stops.length > 0;
  }

  void watch(List<Watchpoint> wanted) {
    watchpoints = List.copyOf(wanted);
    watching = !watchpoints.isEmpty();
    c.mmu.select();
  }

  boolean stopsBefore(long linear) {
    return stopping && Arrays.binarySearch(stops, linear) >= 0;
  }

  /** An access to data, before it is made: one that is watched is made by an instruction alone. */
  void access(long linear, int size, boolean write) {
    for (Watchpoint each : watchpoints) {
      if (each.covers(linear, size, write)) {
        if (!c.single) {
          throw c.exits.restart();
        }
        hit = each;
        c.kicked = true;
        return;
      }
    }
  }

  @Nullable Watchpoint takeHit() {
    Watchpoint taken = hit;
    hit = null;
    return taken;
  }
}
