package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_clear_dirty_log;
import dev.lockstep.kvm.layout.kvm_dirty_log;
import dev.lockstep.kvm.layout.kvm_userspace_memory_region;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A stretch of guest-physical memory, backed by memory of this process. Used by one thread at a time. */
public final class MemorySlot {
  private final Arena arena = Arena.ofAuto();
  private final MemorySegment log = kvm_dirty_log.allocate(arena);
  private final MemorySegment clear = kvm_clear_dirty_log.allocate(arena);
  private final int vmFd;
  private final int slot;
  private final long guestPhysical;
  private final MemorySegment host;

  /** 0 once it is removed. */
  private long bytes;

  MemorySlot(int vmFd, int slot, long guestPhysical, MemorySegment host, boolean logDirty) {
    this.vmFd = vmFd;
    this.slot = slot;
    this.guestPhysical = guestPhysical;
    this.host = host;
    set(host.byteSize(), logDirty);
    kvm_dirty_log.slot(log, slot);
    kvm_clear_dirty_log.slot(clear, slot);
  }

  /** The slot's number. */
  public int number() {
    return slot;
  }

  /** Its first guest-physical address. */
  public long guestPhysical() {
    return guestPhysical;
  }

  /** The memory behind it. */
  public MemorySegment host() {
    return host;
  }

  /** Bytes that a dirty bitmap of this slot takes: one bit a page, whole 64-bit words. */
  public long bitmapBytes() {
    return ((host.byteSize() >>> 12) + 63 >>> 6) << 3;
  }

  /** Switches the dirty log on or off. Switching on forgets what was written before. */
  public void setLogDirty(boolean wanted) {
    set(host.byteSize(), wanted);
  }

  /**
   * KVM_GET_DIRTY_LOG: which pages were written since the last time, bit 0 of byte 0 for the first. They are watched again from now on, unless KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 is enabled: then only
   * {@link #clearDirtyLog} does that.
   *
   * @param bitmap at least {@link #bitmapBytes} long
   */
  public void dirtyLog(MemorySegment bitmap) {
    kvm_dirty_log.dirty_bitmap(log, bitmap);
    Kvm.check("KVM_GET_DIRTY_LOG", vmFd, Libc.ioctl(vmFd, LinuxKvm.KVM_GET_DIRTY_LOG(), log));
  }

  /**
   * KVM_CLEAR_DIRTY_LOG: watches again the pages whose bits are set.
   *
   * @param firstPage a multiple of 64
   * @param pages a multiple of 64, or up to the slot's end
   */
  public void clearDirtyLog(MemorySegment bitmap, long firstPage, int pages) {
    kvm_clear_dirty_log.first_page(clear, firstPage);
    kvm_clear_dirty_log.num_pages(clear, pages);
    kvm_clear_dirty_log.dirty_bitmap(clear, bitmap);
    Kvm.check("KVM_CLEAR_DIRTY_LOG", vmFd, Libc.ioctl(vmFd, LinuxKvm.KVM_CLEAR_DIRTY_LOG(), clear));
  }

  /** Takes the memory away from the guest. */
  public void remove() {
    set(0, false);
  }

  /** Whether one of those addresses is its. */
  boolean overlaps(long first, long size) {
    return first < guestPhysical + bytes && guestPhysical < first + size;
  }

  /** Its number and place. */
  @Override
  public String toString() {
    return describe(bytes);
  }

  private String describe(long size) {
    return "slot %d, %#x bytes at guest-physical %#x".formatted(slot, size, guestPhysical);
  }

  private void set(long wanted, boolean logDirty) {
    try (Arena once = Arena.ofConfined()) {
      MemorySegment region = kvm_userspace_memory_region.allocate(once);
      kvm_userspace_memory_region.slot(region, slot);
      kvm_userspace_memory_region.flags(
          region, logDirty ? (int) LinuxKvm.KVM_MEM_LOG_DIRTY_PAGES() : 0);
      kvm_userspace_memory_region.guest_phys_addr(region, guestPhysical);
      kvm_userspace_memory_region.memory_size(region, wanted);
      kvm_userspace_memory_region.userspace_addr(region, host.address());
      Kvm.check(
          "KVM_SET_USER_MEMORY_REGION (" + describe(wanted) + ")",
          vmFd,
          Libc.ioctl(vmFd, LinuxKvm.KVM_SET_USER_MEMORY_REGION(), region));
      bytes = wanted;
    }
  }
}
