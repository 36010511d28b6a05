package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What a kernel's KVM may have (KVM_CAP_*, Documentation/virt/kvm/api.rst); {@link Kvm#check} asks. Not all that exist: those that Lockstep asks for or reports. */
public enum Capability {
  /** Slots of memory of this process. */
  USER_MEMORY(LinuxKvm.KVM_CAP_USER_MEMORY()),

  /** KVM_SET_CPUID2 and KVM_GET_SUPPORTED_CPUID. */
  EXT_CPUID(LinuxKvm.KVM_CAP_EXT_CPUID()),

  /** Recommended number of vCPUs of a VM. */
  NR_VCPUS(LinuxKvm.KVM_CAP_NR_VCPUS()),

  /** Number of memory slots of a VM. */
  NR_MEMSLOTS(LinuxKvm.KVM_CAP_NR_MEMSLOTS()),

  /** Halted or running, as state. */
  MP_STATE(LinuxKvm.KVM_CAP_MP_STATE()),

  /** KVM_NMI. */
  USER_NMI(LinuxKvm.KVM_CAP_USER_NMI()),

  /** Single steps and breakpoints. */
  SET_GUEST_DEBUG(LinuxKvm.KVM_CAP_SET_GUEST_DEBUG()),

  /** Pending exceptions, NMIs and shadows, as state. */
  VCPU_EVENTS(LinuxKvm.KVM_CAP_VCPU_EVENTS()),

  /** Debug registers, as state. */
  DEBUGREGS(LinuxKvm.KVM_CAP_DEBUGREGS()),

  /** Capabilities that are switched on for a VM. */
  ENABLE_CAP_VM(LinuxKvm.KVM_CAP_ENABLE_CAP_VM()),

  /** The XSAVE area, as state. */
  XSAVE(LinuxKvm.KVM_CAP_XSAVE()),

  /** The XSAVE area of any size. */
  XSAVE2(LinuxKvm.KVM_CAP_XSAVE2()),

  /** Extended control registers, as state. */
  XCRS(LinuxKvm.KVM_CAP_XCRS()),

  /** Scaling of the guest's TSC. */
  TSC_CONTROL(LinuxKvm.KVM_CAP_TSC_CONTROL()),

  /** Frequency of the guest's TSC. */
  GET_TSC_KHZ(LinuxKvm.KVM_CAP_GET_TSC_KHZ()),

  /** Greatest number of vCPUs of a VM. */
  MAX_VCPUS(LinuxKvm.KVM_CAP_MAX_VCPUS()),

  /** Registers inside struct kvm_run. */
  SYNC_REGS(LinuxKvm.KVM_CAP_SYNC_REGS()),

  /** Read-only slots. */
  READONLY_MEM(LinuxKvm.KVM_CAP_READONLY_MEM()),

  /** KVM_RUN returns at once when asked. */
  IMMEDIATE_EXIT(LinuxKvm.KVM_CAP_IMMEDIATE_EXIT()),

  /** HLT, MWAIT and PAUSE without exits. */
  X86_DISABLE_EXITS(LinuxKvm.KVM_CAP_X86_DISABLE_EXITS()),

  /** KVM_CLEAR_DIRTY_LOG. */
  MANUAL_DIRTY_LOG_PROTECT2(LinuxKvm.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2()),

  /** Exits for MSRs. */
  X86_USER_SPACE_MSR(LinuxKvm.KVM_CAP_X86_USER_SPACE_MSR()),

  /** A filter of MSRs. */
  X86_MSR_FILTER(LinuxKvm.KVM_CAP_X86_MSR_FILTER()),

  /** Paravirtual features refused unless CPUID shows them. */
  ENFORCE_PV_FEATURE_CPUID(LinuxKvm.KVM_CAP_ENFORCE_PV_FEATURE_CPUID()),

  /** Dirty pages in a ring. */
  DIRTY_LOG_RING(LinuxKvm.KVM_CAP_DIRTY_LOG_RING()),

  /** Dirty pages in a ring, with ordering stated. */
  DIRTY_LOG_RING_ACQ_REL(LinuxKvm.KVM_CAP_DIRTY_LOG_RING_ACQ_REL()),

  /** Which flags of KVM_SET_GUEST_DEBUG there are. */
  SET_GUEST_DEBUG2(LinuxKvm.KVM_CAP_SET_GUEST_DEBUG2()),

  /** Special registers with PDPTRs. */
  SREGS2(LinuxKvm.KVM_CAP_SREGS2()),

  /** Exits for hypercalls. */
  EXIT_HYPERCALL(LinuxKvm.KVM_CAP_EXIT_HYPERCALL()),

  /** An exit instead of #UD where the emulator refuses an instruction. */
  EXIT_ON_EMULATION_FAILURE(LinuxKvm.KVM_CAP_EXIT_ON_EMULATION_FAILURE()),

  /** A switch for the virtual PMU. */
  PMU_CAPABILITY(LinuxKvm.KVM_CAP_PMU_CAPABILITY()),

  /** An interrupt controller inside the kernel, which Lockstep does not use. */
  IRQCHIP(LinuxKvm.KVM_CAP_IRQCHIP());

  private final int number;

  Capability(int number) {
    this.number = number;
  }

  /** The number that KVM_CHECK_EXTENSION takes. */
  public int number() {
    return number;
  }

  /** The name in the kernel's header. */
  public String kernelName() {
    return "KVM_CAP_" + name();
  }
}
