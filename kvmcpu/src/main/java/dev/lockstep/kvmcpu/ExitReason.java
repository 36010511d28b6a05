package dev.lockstep.kvmcpu;

import dev.lockstep.kvm.layout.LinuxKvm;

/** The exits of KVM that this engine knows (KVM_EXIT_*, linux/kvm.h), as constants that a hot path can compare with. */
final class ExitReason {
  static final int HLT = LinuxKvm.KVM_EXIT_HLT();
  static final int WINDOW = LinuxKvm.KVM_EXIT_IRQ_WINDOW_OPEN();
  static final int SHUTDOWN = LinuxKvm.KVM_EXIT_SHUTDOWN();
  static final int DEBUG = LinuxKvm.KVM_EXIT_DEBUG();
  static final int INTERNAL = LinuxKvm.KVM_EXIT_INTERNAL_ERROR();

  /** The suberror of INTERNAL for an instruction that KVM's emulator refuses. */
  static final int EMULATION = LinuxKvm.KVM_INTERNAL_ERROR_EMULATION();

  private ExitReason() {}
}
