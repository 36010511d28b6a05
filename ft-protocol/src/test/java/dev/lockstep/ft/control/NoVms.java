package dev.lockstep.ft.control;

import dev.lockstep.ft.control.proto.StartOptions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process without VMs, where something happens all the same. */
final class NoVms implements ControlledVms {
  private final EventRing events = new EventRing(8);

  @Override
  public List<ControlledVm> list() {
    return List.of();
  }

  @Override
  public ControlledVm find(String name) {
    throw new ControlException(
        ControlException.Kind.NOT_FOUND, "there is no VM", "Look elsewhere.");
  }

  @Override
  public ControlledVm create(String configJson, @Nullable Path baseFolder) {
    throw new ControlException(
        ControlException.Kind.UNSUPPORTED, "there are none", "Look elsewhere.");
  }

  @Override
  public ControlledVm createFrom(Path snapshot, StartOptions how) {
    return create("", null);
  }

  @Override
  public void delete(String name) {
    find(name);
  }

  @Override
  public EventRing events() {
    return events;
  }
}
