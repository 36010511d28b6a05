package dev.lockstep.cli.dashboard;

import dev.lockstep.cli.ctl.ProtoValues;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.control.proto.VmStatus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/** Looks at the VMs at a steady pace: keeps each one's last minutes for the charts, and the newest state of all for the pages. Safe for use by several threads. */
final class Sampler implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Sampler.class);
  private static final long NANOS_PER_MILLI = 1_000_000;

  /**
   * The newest state of all VMs.
   *
   * @param number counts from 1
   * @param json the message for the pages
   */
  record State(long number, String json) {}

  private final ControlledVms vms;
  private final ConsoleRuns runs;
  private final JsonMapper mapper;
  private final Map<String, SampleRing> rings = new HashMap<>();
  private final Thread thread;
  private volatile boolean closed;
  private @Nullable State newest;

  Sampler(ControlledVms vms, ConsoleRuns runs, JsonMapper mapper) {
    this.vms = vms;
    this.runs = runs;
    this.mapper = mapper;
    thread = Thread.ofVirtual().name("dashboard-sampler").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  private void run() {
    long next = System.nanoTime();
    while (!closed) {
      try {
        sample(System.currentTimeMillis(), System.nanoTime());
      } catch (RuntimeException e) {
        // One bad look must not blind the page for ever.
        LOG.error("the dashboard cannot look at the VMs", e);
      }
      // A late look is not made up for.
      next =
          Math.max(
              next + DashboardLimits.SAMPLE_MILLIS * NANOS_PER_MILLI,
              System.nanoTime() + NANOS_PER_MILLI);
      LockSupport.parkNanos(next - System.nanoTime());
    }
  }

  private void sample(long timeMillis, long nowNanos) {
    List<Map<String, @Nullable Object>> all = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (ControlledVm vm : vms.list()) {
      VmStatus status = vm.status();
      Map<String, @Nullable Object> values = ProtoValues.of(status);
      names.add(status.getName());
      values.put("sample", take(status, timeMillis, nowNanos).values());
      values.put("console_run", run(vm));
      all.add(values);
    }
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("type", "state");
    message.put("time", timeMillis);
    message.put("vms", all);
    publish(names, mapper.writeValueAsString(message));
  }

  private @Nullable String run(ControlledVm vm) {
    try {
      return runs.name(vm.console());
    } catch (ControlException e) {
      // It has never run here.
      return null;
    }
  }

  private synchronized SampleRing.Sample take(VmStatus status, long timeMillis, long nowNanos) {
    return rings
        .computeIfAbsent(status.getName(), it -> new SampleRing(DashboardLimits.KEPT_SAMPLES))
        .take(status, timeMillis, nowNanos);
  }

  private synchronized void publish(List<String> names, String json) {
    rings.keySet().retainAll(names);
    newest = new State(newest == null ? 1 : newest.number() + 1, json);
    notifyAll();
  }

  /**
   * Waits for a state newer than one that is known.
   *
   * @param known its number; 0 for none
   * @return null if there will be none
   */
  synchronized @Nullable State await(long known) throws InterruptedException {
    while (!closed && (newest == null || newest.number() <= known)) {
      wait();
    }
    return closed ? null : newest;
  }

  /** A VM's last minutes, the oldest first; empty if it is not known. */
  synchronized List<List<@Nullable Number>> samples(String vm) {
    SampleRing ring = rings.get(vm);
    return ring == null ? List.of() : ring.values();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    LockSupport.unpark(thread);
  }
}
