package dev.lockstep.cli.dashboard;

import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlLimits;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.ControlledVms;
import dev.lockstep.ft.control.Words;
import dev.lockstep.ft.control.proto.StartOptions;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the page's buttons do. Each waits until it is done. */
final class Actions {
  /** How long a failover may take before the page is told that it goes on. */
  private static final long FAILOVER_MILLIS = 60_000;

  private final ControlledVms vms;
  private final JsonMapper mapper;
  private final Semaphore slots = new Semaphore(DashboardLimits.MAX_ACTIONS);

  Actions(ControlledVms vms, JsonMapper mapper) {
    this.vms = vms;
    this.mapper = mapper;
  }

  /** Whether there is an action of this name. */
  static boolean exists(String action) {
    return switch (action) {
      case "start", "stop", "pause", "resume", "failover", "kill" -> true;
      default -> false;
    };
  }

  /**
   * Does it, if there are not too many under way.
   *
   * @param body JSON: {@code vm}; for a start, a stop, a failover or a kill also {@code confirm}, the VM's name as the user typed it, and {@code role}, what the user took it for; a start is one alone
   * @throws ControlException if the body is wrong, or it does not fit the VM's state
   */
  void run(String action, byte[] body) throws InterruptedException, ExecutionException {
    if (!slots.tryAcquire()) {
      throw new ControlException(
          ControlException.Kind.BUSY,
          "%d actions are under way".formatted(DashboardLimits.MAX_ACTIONS),
          "Wait for some of them, then ask again.");
    }
    try {
      act(action, body);
    } finally {
      slots.release();
    }
  }

  private void act(String action, byte[] body) throws InterruptedException, ExecutionException {
    JsonNode request = read(body);
    ControlledVm vm = vms.find(text(request, "vm"));
    switch (action) {
      case "start" -> {
        requireConfirmed(vm, request);
        vm.start(StartOptions.getDefaultInstance());
      }
      case "stop" -> {
        requireConfirmed(vm, request);
        vm.stop(ControlLimits.DEFAULT_GRACE_MILLIS);
      }
      case "pause" -> vm.pause();
      case "resume" -> vm.resume();
      case "failover" -> {
        requireConfirmed(vm, request);
        await(vm, vm.failover());
      }
      case "kill" -> {
        requireConfirmed(vm, request);
        vm.kill();
      }
      default -> throw new IllegalStateException("there is no action " + action);
    }
  }

  private JsonNode read(byte[] body) {
    JsonNode request;
    try {
      request = mapper.readTree(body);
    } catch (JacksonException e) {
      throw invalid("the request is no JSON");
    }
    if (!request.isObject()) {
      throw invalid("the request is no JSON object");
    }
    return request;
  }

  private static String text(JsonNode request, String field) {
    JsonNode value = request.get(field);
    if (value == null || !value.isString()) {
      throw invalid("the request has no text '%s'".formatted(field));
    }
    return value.stringValue();
  }

  /** Names and roles move under a page that is a moment old: a primary's kill must not meet a backup that has become one, or the other way round. */
  private static void requireConfirmed(ControlledVm vm, JsonNode request) {
    if (!text(request, "confirm").equals(vm.name())) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "the confirmation does not name VM '%s'".formatted(vm.name()),
          "Type its name exactly.");
    }
    String seen = text(request, "role");
    String role = Words.of(vm.status().getRole());
    if (!role.equals(seen)) {
      throw new ControlException(
          ControlException.Kind.WRONG_STATE,
          "VM '%s' is %s here by now, not %s"
              .formatted(vm.name(), role.isEmpty() ? "without a role" : role, seen),
          "Look at it again, then decide.");
    }
  }

  private static void await(ControlledVm vm, CompletableFuture<Void> begun)
      throws InterruptedException, ExecutionException {
    try {
      begun.get(FAILOVER_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new ControlException(
          ControlException.Kind.BUSY,
          "the failover of VM '%s' goes on still".formatted(vm.name()),
          "Watch its state.");
    } catch (CancellationException e) {
      throw new ControlException(
          ControlException.Kind.WRONG_STATE,
          "the failover of VM '%s' was given up".formatted(vm.name()),
          "Watch its events.");
    }
  }

  private static ControlException invalid(String what) {
    return new ControlException(ControlException.Kind.INVALID, what, "Reload the page.");
  }
}
