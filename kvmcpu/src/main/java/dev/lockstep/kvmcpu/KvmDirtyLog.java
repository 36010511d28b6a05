package dev.lockstep.kvmcpu;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.MemorySlot;
import dev.lockstep.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The slots of a guest's memory, and their dirty logs. */
final class KvmDirtyLog implements AutoCloseable {
  private record Slot(MemorySlot slot, MemorySegment bitmap, long offset) {}

  private final Arena arena = Arena.ofShared();
  private final List<Slot> slots = new ArrayList<>();
  private final GuestMemory memory;

  KvmDirtyLog(Vm vm, GuestMemory memory) {
    this.memory = memory;
    try {
      for (GuestMemory.Region region : memory.regions()) {
        MemorySegment host = memory.segment().asSlice(region.offset(), region.size());
        MemorySlot slot = vm.addMemory(slots.size(), region.guestPhysical(), host, true);
        slots.add(new Slot(slot, arena.allocate(slot.bitmapBytes(), 8), region.offset()));
      }
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** Marks in {@link GuestMemory} what the guest wrote since the last time. */
  void collect() {
    for (int i = 0; i < slots.size(); i++) {
      Slot slot = slots.get(i);
      slot.slot().dirtyLog(slot.bitmap());
      memory.markDirty(slot.offset(), slot.bitmap());
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
