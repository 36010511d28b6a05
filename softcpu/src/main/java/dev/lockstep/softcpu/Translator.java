package dev.lockstep.softcpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Compiles regions for all vCPUs of the JVM, in one background thread, and keeps what it has compiled: machines that run the same code share it. It sees copies of code only, never a guest's memory from
 * its own thread, so a machine may be closed at any time.
 */
final class Translator {
  private static final int MAX_WAITING = 64;
  private static final int MAX_KEPT = 2048;
  private static final int IDLE_SECONDS = 5;

  private static final System.Logger LOG = System.getLogger(Translator.class.getName());

  private static final Translator SHARED = new Translator();

  /** A region that was asked for. */
  static final class Request {
    final RegionPlan plan;
    private long[] offsets;
    private volatile @Nullable Region region;
    private volatile boolean done;

    Request(RegionPlan plan, long[] offsets) {
      this.plan = plan;
      this.offsets = offsets;
    }

    /** Where the region's pages lie in the mapping. For who asked. */
    long[] offsets() {
      return offsets;
    }

    boolean isDone() {
      return done;
    }

    /** The region, once it is done; null where there is none to be had. */
    @Nullable Region region() {
      return region;
    }

    private void finish(@Nullable Region compiled) {
      region = compiled;
      done = true;
    }
  }

  /** What code is found by before it is compared. */
  private record Key(long rip, int transferIncrement) {}

  private final BlockingQueue<Request> waiting = new ArrayBlockingQueue<>(MAX_WAITING);

  /** The regions that begin there, the key used last at the end. */
  private final Map<Key, List<Region>> kept = new LinkedHashMap<>(64, 0.75f, true);

  private @Nullable Thread thread;

  private Translator() {}

  static Translator shared() {
    return SHARED;
  }

  /**
   * Asks for a region.
   *
   * @param offsets where its pages lie
   * @param memory the mapping: what was compiled for the same code already is taken
   * @param wait whether to return when it is done
   * @return null where too many wait already: to be asked again later
   */
  @Nullable Request ask(RegionPlan plan, long[] offsets, MemorySegment memory, boolean wait) {
    Request request = new Request(plan, offsets);
    if (findKnown(request, memory)) {
      return request;
    }
    if (wait) {
      compile(request);
    } else if (!waiting.offer(request)) {
      return null;
    } else {
      start();
    }
    return request;
  }

  private synchronized boolean findKnown(Request request, MemorySegment memory) {
    for (Region region : kept.getOrDefault(key(request.plan), List.of())) {
      long[] offsets = request.plan.offsetsFor(region.plan, request.offsets);
      if (offsets != null && region.plan.matches(memory, offsets)) {
        request.offsets = offsets;
        request.finish(region);
        return true;
      }
    }
    return false;
  }

  private static Key key(RegionPlan plan) {
    return new Key(plan.rip(), plan.transferIncrement());
  }

  private void compile(Request request) {
    Region region = null;
    try {
      RegionPlan plan = request.plan;
      region = RegionCompiler.compile(plan);
      while (region == null && plan.parts().size() > 1) {
        plan = plan.half();
        region = RegionCompiler.compile(plan);
      }
      if (region != null) {
        keep(region);
      }
    } finally {
      request.finish(region);
    }
  }

  private synchronized void keep(Region region) {
    kept.computeIfAbsent(key(region.plan), key -> new ArrayList<>()).addFirst(region);
    if (kept.size() > MAX_KEPT) {
      kept.remove(kept.keySet().iterator().next());
    }
  }

  private synchronized void start() {
    Thread running = thread;
    if (running == null || !running.isAlive()) {
      running = new Thread(this::work, "translator");
      running.setDaemon(true);
      thread = running;
      running.start();
    }
  }

  private void work() {
    try {
      Request request = waiting.poll(IDLE_SECONDS, TimeUnit.SECONDS);
      while (request != null) {
        compileOrTell(request);
        request = waiting.poll(IDLE_SECONDS, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended();
    }
  }

  /** A mistake here costs the guest speed and nothing else: its block stays with the interpreter. */
  private void compileOrTell(Request request) {
    try {
      compile(request);
    } catch (RuntimeException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the code at {0} is left to the interpreter, by a defect of the translator ({1}); report it",
          Long.toHexString(request.plan.rip()),
          e);
    }
  }

  /** What came in while the thread was about to end gets another one. */
  private synchronized void ended() {
    thread = null;
    if (!waiting.isEmpty()) {
      start();
    }
  }
}
