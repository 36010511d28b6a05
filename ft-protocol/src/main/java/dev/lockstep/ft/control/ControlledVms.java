package dev.lockstep.ft.control;

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
   * Forgets a VM. Its disks stay.
   *
   * @throws ControlException if there is none of this name, or it runs
   */
  void delete(String name);

  /** What happens to them. */
  EventRing events();
}
