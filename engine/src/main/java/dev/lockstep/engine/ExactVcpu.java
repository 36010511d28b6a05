package dev.lockstep.engine;

/**
 * An engine that keeps the contract to the letter on any host, so that it can hold a guest for a while in another engine's stead, over the same memory. What the other one has derived from memory it must then
 * be told to forget.
 */
public interface ExactVcpu extends Vcpu {
  /**
   * How often the guest has made the CPU forget translations since this vCPU was made: INVLPG, writes of CR3, of the paging bits of CR0, CR4 and EFER, task switches (Intel SDM vol. 3A 4.10.4.1). Not part
   * of the guest-visible state.
   */
  long translationsForgotten();
}
