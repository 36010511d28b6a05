package dev.lockstep.ft.control;

import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.vmm.config.ConfigException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The VMs of a process, as its control port steers them. Safe for use by several threads. */
public interface ControlledVms {
  /** Every VM, in the order of their names. */
  List<ControlledVm> list();

  /**
   * A VM.
   *
   * @throws ControlException if there is none of this name
   */
  ControlledVm find(String name);

  /**
   * Defines a VM.
   *
   * @param configJson as in machine.json
   * @param baseFolder what its relative paths are relative to; null if it may have none
   * @throws ConfigException if the configuration is wrong, saying where
   * @throws ControlException if the name is taken, or this process defines none
   */
  ControlledVm create(String configJson, @Nullable Path baseFolder);

  /**
   * Defines a VM as a snapshot has it, and lets it go on from there.
   *
   * @param snapshot its folder
   * @param how as for {@link ControlledVm#restore}
   * @throws ControlException if the name is taken, or this process defines none
   * @throws dev.lockstep.engine.VmmException if it cannot go on; then it is not defined
   */
  ControlledVm createFrom(Path snapshot, StartOptions how);

  /**
   * Forgets a VM. Its disks stay.
   *
   * @throws ControlException if there is none of this name, or it runs
   */
  void delete(String name);

  /** What happens to them. */
  EventRing events();
}
