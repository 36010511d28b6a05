package dev.lockstep.vmm.machine;

/**
 * Something done on the vCPU's thread at a boundary, where the whole machine stands still. It may look at everything and
 * must not change anything that the guest can see.
 */
@FunctionalInterface
public interface BoundaryTask<T> {
  /**
   * @param boundary the machine's state; only valid during the call
   */
  T run(Boundary boundary) throws Exception;
}
