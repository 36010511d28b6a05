package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_cpuid2;
import dev.lockstep.kvm.layout.kvm_cpuid_entry2;
import dev.lockstep.kvm.layout.kvm_msr_list;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** /dev/kvm, opened: what this kernel's KVM can do, and the maker of VMs. Safe for use by any thread; VMs outlive it. */
public final class Kvm implements AutoCloseable {
  /** Where Linux has it. */
  public static final Path DEVICE = Path.of("/dev/kvm");

  private static final int MAX_CPUID_ENTRIES = 256;
  private static final int MAX_MSRS = 4096;

  private final int fd;
  private final int vcpuMmapSize;
  private boolean closed;

  private Kvm(int fd, int vcpuMmapSize) {
    this.fd = fd;
    this.vcpuMmapSize = vcpuMmapSize;
  }

  /** Opens {@link #DEVICE}. */
  public static Kvm open() {
    return open(DEVICE);
  }

  /**
   * Opens a KVM device.
   *
   * @throws KvmException if it is not there, not permitted, or not a KVM of the API version this is written for
   */
  public static Kvm open(Path device) {
    int fd = Libc.open(device.toString(), LinuxKvm.O_RDWR() | LinuxKvm.O_CLOEXEC());
    if (fd < 0) {
      throw new KvmException("open " + device, -1, -fd);
    }
    try {
      int version = checked("KVM_GET_API_VERSION", fd, LinuxKvm.KVM_GET_API_VERSION(), 0);
      if (version != LinuxKvm.KVM_API_VERSION()) {
        throw new KvmException(
            "KVM_GET_API_VERSION (got %d, need %d)".formatted(version, LinuxKvm.KVM_API_VERSION()),
            fd,
            Errno.EINVAL);
      }
      return new Kvm(
          fd, checked("KVM_GET_VCPU_MMAP_SIZE", fd, LinuxKvm.KVM_GET_VCPU_MMAP_SIZE(), 0));
    } catch (KvmException e) {
      Libc.close(fd);
      throw e;
    }
  }

  /** What the kernel answers for a capability: 0 for none, else 1 or a number whose meaning is the capability's. */
  public int check(Capability capability) {
    return checked(
        "KVM_CHECK_EXTENSION " + capability.kernelName(),
        fd,
        LinuxKvm.KVM_CHECK_EXTENSION(),
        capability.number());
  }

  /** Whether there is a capability. */
  public boolean has(Capability capability) {
    return check(capability) > 0;
  }

  /** Bytes of a vCPU's {@code struct kvm_run} with the pages behind it. */
  public int vcpuMmapSize() {
    return vcpuMmapSize;
  }

  /** The CPUID leaves that the host and its KVM can give a guest. */
  public List<CpuidEntry> supportedCpuid() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = CpuidTable.allocate(arena, MAX_CPUID_ENTRIES);
      check(
          "KVM_GET_SUPPORTED_CPUID", fd, Libc.ioctl(fd, LinuxKvm.KVM_GET_SUPPORTED_CPUID(), table));
      return CpuidTable.read(table);
    }
  }

  /** The model-specific registers that KVM_GET_MSRS and KVM_SET_MSRS take. */
  public int[] msrIndices() {
    try (Arena arena = Arena.ofConfined()) {
      long header = kvm_msr_list.layout().byteSize();
      MemorySegment list = arena.allocate(header + 4L * MAX_MSRS, 8);
      kvm_msr_list.nmsrs(list, MAX_MSRS);
      check("KVM_GET_MSR_INDEX_LIST", fd, Libc.ioctl(fd, LinuxKvm.KVM_GET_MSR_INDEX_LIST(), list));
      return list.asSlice(header, 4L * kvm_msr_list.nmsrs(list)).toArray(ValueLayout.JAVA_INT);
    }
  }

  /** Makes an empty VM: no memory, no vCPU, no devices. */
  public Vm createVm() {
    return new Vm(checked("KVM_CREATE_VM", fd, LinuxKvm.KVM_CREATE_VM(), 0), vcpuMmapSize);
  }

  /** The device's file descriptor. */
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

  /** The result of an ioctl with a number for an argument, or the exception it deserves. */
  static int checked(String name, int fd, long request, long argument) {
    return check(name, fd, Libc.ioctl(fd, request, argument));
  }

  /** {@code result}, or the exception it deserves. */
  static int check(String name, int fd, int result) {
    if (result < 0) {
      throw new KvmException(name, fd, -result);
    }
    return result;
  }

  /** {@code struct kvm_cpuid2} with its entries. */
  static final class CpuidTable {
    private static final long HEADER = kvm_cpuid2.layout().byteSize();

    private CpuidTable() {}

    static MemorySegment allocate(Arena arena, int entries) {
      MemorySegment table = arena.allocate(HEADER + entries * kvm_cpuid_entry2.sizeof(), 8);
      kvm_cpuid2.nent(table, entries);
      return table;
    }

    static List<CpuidEntry> read(MemorySegment table) {
      List<CpuidEntry> entries = new ArrayList<>();
      for (int i = 0; i < kvm_cpuid2.nent(table); i++) {
        MemorySegment e = entry(table, i);
        entries.add(
            new CpuidEntry(
                kvm_cpuid_entry2.function(e),
                kvm_cpuid_entry2.index(e),
                kvm_cpuid_entry2.flags(e),
                kvm_cpuid_entry2.eax(e),
                kvm_cpuid_entry2.ebx(e),
                kvm_cpuid_entry2.ecx(e),
                kvm_cpuid_entry2.edx(e)));
      }
      return entries;
    }

    static MemorySegment of(Arena arena, List<CpuidEntry> entries) {
      MemorySegment table = allocate(arena, entries.size());
      for (int i = 0; i < entries.size(); i++) {
        MemorySegment e = entry(table, i);
        CpuidEntry from = entries.get(i);
        kvm_cpuid_entry2.function(e, from.function());
        kvm_cpuid_entry2.index(e, from.index());
        kvm_cpuid_entry2.flags(e, from.flags());
        kvm_cpuid_entry2.eax(e, from.eax());
        kvm_cpuid_entry2.ebx(e, from.ebx());
        kvm_cpuid_entry2.ecx(e, from.ecx());
        kvm_cpuid_entry2.edx(e, from.edx());
      }
      return table;
    }

    private static MemorySegment entry(MemorySegment table, int i) {
      return table.asSlice(HEADER + i * kvm_cpuid_entry2.sizeof(), kvm_cpuid_entry2.sizeof());
    }
  }
}
