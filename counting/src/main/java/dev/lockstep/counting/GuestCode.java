package dev.lockstep.counting;

import dev.lockstep.engine.CpuState;

/** Reads a guest's memory as its CPU would, without a trace in the guest: no fault, no accessed bit. */
public interface GuestCode {
  /**
   * Reads code.
   *
   * @param state where the guest stands: RIP, CS and the paging registers
   * @param into gets up to 15 bytes from RIP on
   * @return how many could be read; fewer where the next page is not there
   */
  int read(CpuState state, byte[] into);

  /**
   * Reads eight bytes at a linear address.
   *
   * @param state the paging registers
   * @return 0 where nothing is mapped
   */
  long read64(CpuState state, long linear);
}
