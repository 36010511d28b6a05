package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_enable_cap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;

/**
 * A VM inside the kernel: its memory slots and vCPUs. Slots and capabilities are set up by one thread at a time. Closing it closes its file descriptor only: the kernel's VM lives until its vCPUs are
 * closed too.
 */
public final class Vm implements AutoCloseable {
  private final int fd;
  private final int vcpuMmapSize;

  /** Those with memory, by number. */
  private final Map<Integer, MemorySlot> slots = new HashMap<>();

  private boolean closed;

  Vm(int fd, int vcpuMmapSize) {
    this.fd = fd;
    this.vcpuMmapSize = vcpuMmapSize;
  }

  /** As {@link Kvm#check}, for this VM. */
  public int check(Capability capability) {
    return Kvm.checked(
        "KVM_CHECK_EXTENSION " + capability.kernelName(),
        fd,
        LinuxKvm.KVM_CHECK_EXTENSION(),
        capability.number());
  }

  /**
   * KVM_ENABLE_CAP.
   *
   * @param arguments up to four, their meaning the capability's
   * @throws KvmException if the kernel does not have it
   */
  public void enable(Capability capability, long... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment enable = kvm_enable_cap.allocate(arena);
      kvm_enable_cap.cap(enable, capability.number());
      for (int i = 0; i < arguments.length; i++) {
        kvm_enable_cap.args(enable, i, arguments[i]);
      }
      Kvm.check(
          "KVM_ENABLE_CAP " + capability.kernelName(),
          fd,
          Libc.ioctl(fd, LinuxKvm.KVM_ENABLE_CAP(), enable));
    }
  }

  /**
   * Puts memory of this process into the guest-physical address space. The mapping must outlive the slot.
   *
   * @param slot its number, 0 to one below what {@link Capability#NR_MEMSLOTS} says; not in use
   * @param guestPhysical a multiple of 4096
   * @param host the mapping, whole pages
   * @param logDirty whether the kernel remembers which pages are written
   * @throws KvmException if the kernel refuses it, naming the slot; with EEXIST if it overlaps another, naming both
   */
  public MemorySlot addMemory(int slot, long guestPhysical, MemorySegment host, boolean logDirty) {
    try {
      MemorySlot added = new MemorySlot(fd, slot, guestPhysical, host, logDirty);
      slots.put(slot, added);
      return added;
    } catch (KvmException e) {
      for (MemorySlot other : slots.values()) {
        if (e.errno() == Errno.EEXIST && other.overlaps(guestPhysical, host.byteSize())) {
          throw new KvmException(
              e.call() + ", which overlaps " + other,
              fd,
              Errno.EEXIST,
              "Give each slot guest-physical addresses of its own.");
        }
      }
      throw e;
    }
  }

  /** Sets which MSRs stay inside KVM; see {@link MsrFilter}. */
  public void setMsrFilter(MsrFilter filter) {
    try (Arena arena = Arena.ofConfined()) {
      Kvm.check(
          "KVM_X86_SET_MSR_FILTER",
          fd,
          Libc.ioctl(fd, LinuxKvm.KVM_X86_SET_MSR_FILTER(), filter.toNative(arena)));
    }
  }

  /** KVM_SET_TSS_ADDR: three pages of guest-physical address space below 4 GiB, without memory, that Intel hosts need for guests in real mode. */
  public void setTssAddress(long guestPhysical) {
    Kvm.checked("KVM_SET_TSS_ADDR", fd, LinuxKvm.KVM_SET_TSS_ADDR(), guestPhysical);
  }

  /** KVM_SET_IDENTITY_MAP_ADDR: one such page more; before the first vCPU. */
  public void setIdentityMapAddress(long guestPhysical) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocateFrom(ValueLayout.JAVA_LONG, guestPhysical);
      Kvm.check(
          "KVM_SET_IDENTITY_MAP_ADDR",
          fd,
          Libc.ioctl(fd, LinuxKvm.KVM_SET_IDENTITY_MAP_ADDR(), address));
    }
  }

  /** KVM_RESET_DIRTY_RINGS: hands collected ring entries back to the kernel; returns how many. */
  public int resetDirtyRings() {
    return Kvm.checked("KVM_RESET_DIRTY_RINGS", fd, LinuxKvm.KVM_RESET_DIRTY_RINGS(), 0);
  }

  /** Makes a vCPU with a number below what {@link Capability#MAX_VCPUS} says. */
  public KvmVcpuHandle createVcpu(int id) {
    int vcpu = Kvm.checked("KVM_CREATE_VCPU", fd, LinuxKvm.KVM_CREATE_VCPU(), id);
    try {
      return new KvmVcpuHandle(vcpu, vcpuMmapSize);
    } catch (KvmException e) {
      Libc.close(vcpu);
      throw e;
    }
  }

  /** The VM's file descriptor. */
  public int fd() {
    return fd;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Libc.close(fd);
    }
  }
}
