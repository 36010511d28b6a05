package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;

/** Lets a guest that was stopped by a patched instruction execute what the patch replaced: the bytes are put back, the vCPU steps over them, and the patch is there again. */
final class DisplacedStep {
  private DisplacedStep() {}

  /**
   * Steps until RIP has left the bytes.
   *
   * @param state with all but RIP as the guest had it before the patched instruction
   * @param at linear address of the patch
   * @param original what was there, whole instructions without branches among themselves
   * @return {@link VcpuExit.Stepped}, or what else the vCPU exited with
   */
  static VcpuExit run(Vcpu vcpu, CpuState state, CodeBytes code, long at, byte[] original) {
    state.rip = at;
    vcpu.setState(state);
    vcpu.requestInterruptWindow(false);
    byte[] patch = code.swap(at, original);
    VcpuExit exit;
    long within;
    do {
      exit = vcpu.step();
      within = vcpu.point().rip() - at;
    } while (exit == VcpuExit.Stepped.STEPPED && within > 0 && within < original.length);
    code.swap(at, patch);
    return exit;
  }
}
