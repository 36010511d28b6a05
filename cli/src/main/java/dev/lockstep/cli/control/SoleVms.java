package dev.lockstep.cli.control;

import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlLimits;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.control.EventRing;
import dev.lockstep.ft.control.proto.StartOptions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The one VM of a command. */
final class SoleVms implements ControlledVms {
  private static final String DAEMON_ADVICE =
      "Run 'lockstep daemon' for VMs that are created and deleted, and give its socket.";

  private final EventRing events = new EventRing(ControlLimits.KEPT_EVENTS);
  private volatile @Nullable ControlledVm vm;

  /** From now on it is there. */
  void set(ControlledVm only) {
    vm = only;
    events.changed(only.status());
  }

  /** It is not what it was. */
  void changed() {
    ControlledVm now = vm;
    if (now != null) {
      events.changed(now.status());
    }
  }

  @Override
  public List<ControlledVm> list() {
    ControlledVm now = vm;
    return now == null ? List.of() : List.of(now);
  }

  @Override
  public ControlledVm find(String name) {
    ControlledVm now = vm;
    if (now == null || !now.name().equals(name)) {
      throw Wrong.unknown(name);
    }
    return now;
  }

  @Override
  public ControlledVm create(String configJson, @Nullable Path baseFolder) {
    throw new ControlException(
        ControlException.Kind.WRONG_STATE, "this process runs one VM and no other", DAEMON_ADVICE);
  }

  @Override
  public ControlledVm createFrom(Path snapshot, StartOptions how) {
    return create("", null);
  }

  @Override
  public void delete(String name) {
    find(name);
    throw new ControlException(
        ControlException.Kind.WRONG_STATE,
        "VM '%s' belongs to the command that runs it".formatted(name),
        "Stop it; its command ends with it.");
  }

  @Override
  public EventRing events() {
    return events;
  }
}
