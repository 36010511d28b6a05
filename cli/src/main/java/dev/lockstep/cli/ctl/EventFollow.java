package dev.lockstep.cli.ctl;

import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.Event;
import dev.lockstep.ft.control.proto.WatchEventsRequest;
import dev.lockstep.ft.control.proto.WatchEventsResponse;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Watches the events of every endpoint together. */
public final class EventFollow {
  private EventFollow() {}

  /**
   * Watches until every endpoint has ended its stream.
   *
   * @param vm only of this one; empty for all
   * @param after only events behind this number; null from now on
   * @param to called on a thread of each endpoint
   * @throws CallException if an endpoint fails, when the others have ended too
   */
  public static void run(
      Endpoints endpoints, String vm, @Nullable Long after, BiConsumer<ControlClient, Event> to) {
    WatchEventsRequest.Builder request = WatchEventsRequest.newBuilder().setVm(vm);
    if (after != null) {
      request.setAfterSequence(after);
    }
    List<CallException> failures = new ArrayList<>();
    List<Thread> watching = new ArrayList<>();
    for (ControlClient client : endpoints.all()) {
      watching.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  Iterator<WatchEventsResponse> events =
                      client.calls().watchEvents(request.build());
                  while (events.hasNext()) {
                    to.accept(client, events.next().getEvent());
                  }
                } catch (StatusRuntimeException e) {
                  synchronized (failures) {
                    failures.add(CallException.of(client, e));
                  }
                }
              }));
    }
    for (Thread thread : watching) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
    synchronized (failures) {
      if (!failures.isEmpty()) {
        throw failures.getFirst();
      }
    }
  }
}
