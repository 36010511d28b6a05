package dev.lockstep.engine.contract;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import java.util.Optional;

/** One engine as the suite sees it: makes vCPUs, and says what it lacks on this host. */
public interface EngineUnderTest {
  /** The engine's name in what is printed: {@code soft}, {@code kvm}. */
  String name();

  /**
   * Why the engine cannot do something on this host; empty if it can. The answer may come from a probe; it must not change.
   *
   * @return one line for a human, naming what the host lacks
   */
  Optional<String> lacks(Capability capability);

  /**
   * Makes a vCPU of {@link CpuModel#LOCKSTEP_V1}, owned by the calling thread; it is closed before its memory is.
   *
   * @param memory page-aligned; low memory, maybe more regions
   * @param semantics what to count; an engine that lacks the count may ignore it, it is not asked for counts then
   */
  Vcpu create(GuestMemory memory, BranchSemantics semantics);

  /**
   * Brings what the engine's own dirty log knows into the bitmap of {@code GuestMemory}, with the vCPU stopped: called before each harvest. For engines that mark pages as they store there is nothing to
   * do.
   */
  default void collectDirty(Vcpu vcpu) {}
}
