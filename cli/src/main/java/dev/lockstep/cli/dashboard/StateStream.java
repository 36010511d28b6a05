package dev.lockstep.cli.dashboard;

import dev.lockstep.cli.ctl.ProtoValues;
import dev.lockstep.ft.control.EventRing;
import dev.lockstep.ft.control.proto.Event;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** {@code /ws/state}: the newest state of all VMs, as often as the browser takes it, and events. Nothing is read from it. */
final class StateStream {
  private final Stream stream;
  private final Sampler sampler;
  private final EventRing events;
  private final JsonMapper mapper;

  StateStream(Stream stream, Sampler sampler, EventRing events, JsonMapper mapper) {
    this.stream = stream;
    this.sampler = sampler;
    this.events = events;
    this.mapper = mapper;
  }

  /**
   * Begins.
   *
   * @param after the last event that the page has; -1 if it has none
   */
  void start(long after) {
    stream.start("dashboard-state", this::sendStates);
    stream.start("dashboard-events", () -> sendEvents(after));
  }

  private void sendStates() throws InterruptedException {
    long known = 0;
    for (Sampler.State state = sampler.await(known); state != null; state = sampler.await(known)) {
      stream.send(state.json());
      known = state.number();
    }
    stream.close(WebSocketCloseStatus.ENDPOINT_UNAVAILABLE);
  }

  private void sendEvents(long after) throws InterruptedException {
    long newest = events.newest();
    // A page of an earlier process may know numbers that are still to come here.
    long known =
        after >= 0 && after <= newest ? after : Math.max(0, newest - DashboardLimits.SHOWN_EVENTS);
    for (Event event = events.await(known); event != null; event = events.await(known)) {
      Map<String, @Nullable Object> message = new LinkedHashMap<>();
      message.put("type", "event");
      message.putAll(ProtoValues.of(event));
      stream.send(mapper.writeValueAsString(message));
      known = event.getSequence();
    }
  }
}
