package dev.lockstep.cli.ctl;

import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceBlockingStub;
import dev.lockstep.ft.control.proto.GetVmRequest;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The control ports that a command was told of. A VM with replicas at several of them is found where it is live. */
public final class Endpoints implements AutoCloseable {
  /** How long an endpoint may take to say how a VM is. */
  private static final long ASK_MILLIS = 10_000;

  private final List<ControlClient> clients;
  private final long timeoutMillis;

  /**
   * What an endpoint says of a VM.
   *
   * @param status null if it said none
   * @param failure null if it said one
   */
  public record Found(
      ControlClient client, @Nullable VmStatus status, @Nullable StatusRuntimeException failure) {

    /** Whether the guest runs there. */
    boolean live() {
      return status != null && status.getLive();
    }

    /** Whether it may become live there. */
    boolean successor() {
      return status != null
          && status.getRole() == VmRole.VM_ROLE_BACKUP
          && (status.getState() == VmState.VM_STATE_RUNNING
              || status.getState() == VmState.VM_STATE_STARTING);
    }

    /** Whether it gave no answer in time, and may later. */
    boolean slow() {
      return failure != null && failure.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED;
    }

    boolean unreachable() {
      return failure != null && failure.getStatus().getCode() != Status.Code.NOT_FOUND;
    }
  }

  /**
   * @param addresses at least one
   * @param timeoutMillis how long a call may take
   */
  public Endpoints(List<ControlAddress> addresses, long timeoutMillis) {
    this.timeoutMillis = timeoutMillis;
    clients = new ArrayList<>();
    for (ControlAddress address : addresses) {
      clients.add(new ControlClient(address));
    }
  }

  /** Every endpoint. */
  public List<ControlClient> all() {
    return clients;
  }

  /** Milliseconds that a call may take. */
  long timeoutMillis() {
    return timeoutMillis;
  }

  /**
   * The one endpoint there is.
   *
   * @param what is to be done there, for messages
   * @throws CallException if there are several
   */
  public ControlClient sole(String what) {
    if (clients.size() != 1) {
      throw new CallException(
          CallException.Kind.INVALID,
          "%s needs one endpoint, and %d are named".formatted(what, clients.size()),
          "Name the one by --socket or --address.");
    }
    return clients.getFirst();
  }

  /**
   * Makes a call.
   *
   * @throws CallException if it fails
   */
  public <T> T call(ControlClient client, Function<ControlServiceBlockingStub, T> call) {
    try {
      return call.apply(client.calls().withDeadlineAfter(timeoutMillis, TimeUnit.MILLISECONDS));
    } catch (StatusRuntimeException e) {
      throw CallException.of(client, e);
    }
  }

  /** What each endpoint says of a VM, in their order; asked together. */
  public List<Found> find(String vm) {
    List<Found> found = new ArrayList<>();
    List<Thread> asking = new ArrayList<>();
    for (ControlClient client : clients) {
      int place = found.size();
      found.add(new Found(client, null, null));
      asking.add(
          Thread.ofVirtual()
              .start(() -> {
                Found answer = ask(client, vm);
                synchronized (found) {
                  found.set(place, answer);
                }
              }));
    }
    for (Thread thread : asking) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CallException(
            CallException.Kind.BUSY, "the command was interrupted", "Run it again.");
      }
    }
    synchronized (found) {
      return List.copyOf(found);
    }
  }

  private static Found ask(ControlClient client, String vm) {
    try {
      VmStatus status =
          client
              .calls()
              .withDeadlineAfter(ASK_MILLIS, TimeUnit.MILLISECONDS)
              .getVm(GetVmRequest.newBuilder().setVm(vm).build())
              .getVm();
      return new Found(client, status, null);
    } catch (StatusRuntimeException e) {
      return new Found(client, null, e);
    }
  }

  /** Among what was found, where the guest runs: of several, the one of the highest epoch, since the others have lost it and do not know yet. */
  static Optional<Found> live(List<Found> found) {
    return found.stream()
        .filter(Found::live)
        .max(
            Comparator.comparingLong(it -> {
              VmStatus status = it.status();
              return status == null ? 0 : status.getReplication().getEpoch();
            }));
  }

  /**
   * Where to steer a VM: where it is live, or else at the only endpoint that has it.
   *
   * @throws CallException if there is none, or it cannot be told which
   */
  public ControlClient of(String vm) {
    List<Found> found = find(vm);
    Optional<Found> live = live(found);
    if (live.isPresent()) {
      return live.get().client();
    }
    List<Found> known = found.stream().filter(it -> it.status() != null).toList();
    if (known.size() == 1) {
      return known.getFirst().client();
    }
    if (known.isEmpty()) {
      throw noneHas(found);
    }
    String where =
        known.stream()
            .map(it -> it.client().address().toString())
            .collect(Collectors.joining(", "));
    throw new CallException(
        CallException.Kind.WRONG_STATE,
        "VM '%s' is live nowhere, and known at %s".formatted(vm, where),
        "Name the endpoint that is meant, alone.");
  }

  /**
   * Where a VM's backup is.
   *
   * @throws CallException if it has none there
   */
  public ControlClient backupOf(String vm) {
    List<Found> found = find(vm);
    if (found.stream().allMatch(it -> it.status() == null)) {
      throw noneHas(found);
    }
    return found.stream()
        .filter(Found::successor)
        .map(Found::client)
        .findFirst()
        .orElseThrow(() ->
            new CallException(
                CallException.Kind.WRONG_STATE,
                "VM '%s' has no backup at the endpoints that are named".formatted(vm),
                "Name the backup's endpoint as well, by --socket or --address."));
  }

  /** Why no endpoint has it: the failure that tells most. */
  static CallException noneHas(List<Found> found) {
    Found told =
        found.stream()
            .filter(it -> !it.unreachable())
            .findFirst()
            .orElseGet(() -> found.getFirst());
    StatusRuntimeException failure = told.failure();
    if (failure == null) {
      throw new IllegalStateException("an endpoint said nothing");
    }
    return CallException.of(told.client(), failure);
  }

  @Override
  public void close() {
    clients.forEach(ControlClient::close);
  }
}
