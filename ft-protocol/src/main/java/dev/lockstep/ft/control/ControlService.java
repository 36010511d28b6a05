package dev.lockstep.ft.control;

import dev.lockstep.ft.control.proto.ControlServiceGrpc.ControlServiceImplBase;
import dev.lockstep.ft.control.proto.CreateVmRequest;
import dev.lockstep.ft.control.proto.CreateVmResponse;
import dev.lockstep.ft.control.proto.DeleteVmRequest;
import dev.lockstep.ft.control.proto.DeleteVmResponse;
import dev.lockstep.ft.control.proto.Event;
import dev.lockstep.ft.control.proto.FailoverVmRequest;
import dev.lockstep.ft.control.proto.FailoverVmResponse;
import dev.lockstep.ft.control.proto.GetMetricsRequest;
import dev.lockstep.ft.control.proto.GetMetricsResponse;
import dev.lockstep.ft.control.proto.GetVmRequest;
import dev.lockstep.ft.control.proto.GetVmResponse;
import dev.lockstep.ft.control.proto.KillVmRequest;
import dev.lockstep.ft.control.proto.KillVmResponse;
import dev.lockstep.ft.control.proto.ListVmsRequest;
import dev.lockstep.ft.control.proto.ListVmsResponse;
import dev.lockstep.ft.control.proto.OpenConsoleRequest;
import dev.lockstep.ft.control.proto.OpenConsoleResponse;
import dev.lockstep.ft.control.proto.PauseVmRequest;
import dev.lockstep.ft.control.proto.PauseVmResponse;
import dev.lockstep.ft.control.proto.ProtectVmRequest;
import dev.lockstep.ft.control.proto.ProtectVmResponse;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import dev.lockstep.ft.control.proto.RestoreVmRequest;
import dev.lockstep.ft.control.proto.RestoreVmResponse;
import dev.lockstep.ft.control.proto.ResumeVmRequest;
import dev.lockstep.ft.control.proto.ResumeVmResponse;
import dev.lockstep.ft.control.proto.SnapshotVmRequest;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StartVmRequest;
import dev.lockstep.ft.control.proto.StartVmResponse;
import dev.lockstep.ft.control.proto.StopVmRequest;
import dev.lockstep.ft.control.proto.StopVmResponse;
import dev.lockstep.ft.control.proto.UnprotectVmRequest;
import dev.lockstep.ft.control.proto.UnprotectVmResponse;
import dev.lockstep.ft.control.proto.WatchEventsRequest;
import dev.lockstep.ft.control.proto.WatchEventsResponse;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;

/** The calls of {@code control.proto}: checks what is asked, hands it to the VM, answers. */
final class ControlService extends ControlServiceImplBase {
  private final ControlledVms vms;
  private final VmMetrics metrics;
  private final Semaphore streams = new Semaphore(ControlLimits.MAX_STREAMS);
  private final Semaphore calls = new Semaphore(ControlLimits.MAX_CALLS);

  ControlService(ControlledVms vms, VmMetrics metrics) {
    this.vms = vms;
    this.metrics = metrics;
  }

  /** Streams that are open. */
  int openStreams() {
    return ControlLimits.MAX_STREAMS - streams.availablePermits();
  }

  /** Does what a call asks for. */
  @FunctionalInterface
  private interface Call<T> {
    T run() throws InterruptedException, ExecutionException;
  }

  private <T> void answer(StreamObserver<T> to, Call<T> call) {
    // An answer that nobody waits for any more is dropped without an exception.
    ((ServerCallStreamObserver<T>) to).setOnCancelHandler(() -> {});
    if (Context.current().isCancelled()) {
      // Nobody waits for it any more, so it is not begun.
      to.onError(Failures.of(new CancellationException()));
      return;
    }
    if (!calls.tryAcquire()) {
      to.onError(
          Failures.of(
              new ControlException(
                  ControlException.Kind.BUSY,
                  "%d calls are under way".formatted(ControlLimits.MAX_CALLS),
                  "Wait for some of them, then ask again.")));
      return;
    }
    try {
      T answer = call.run();
      to.onNext(answer);
      to.onCompleted();
    } catch (InterruptedException | ExecutionException | RuntimeException e) {
      to.onError(Failures.of(e));
    } finally {
      calls.release();
    }
  }

  private ControlledVm vm(String name) {
    return vms.find(Requests.name(name));
  }

  /** Waits for what was begun, as long as the caller waits. */
  private static void await(CompletableFuture<Void> begun)
      throws InterruptedException, ExecutionException {
    CompletableFuture<Void> waited = begun.copy();
    Context.CancellationListener gone = context -> waited.cancel(false);
    Context.current().addListener(gone, Runnable::run);
    try {
      waited.get();
    } finally {
      Context.current().removeListener(gone);
    }
  }

  @Override
  public void createVm(CreateVmRequest request, StreamObserver<CreateVmResponse> to) {
    answer(
        to,
        () -> {
          String snapshot = request.getSnapshotFolder();
          String config = request.getConfigJson();
          if (!snapshot.isEmpty()) {
            if (!config.isEmpty()) {
              throw Requests.invalid("both config_json and snapshot_folder say what the VM is");
            }
            ControlledVm restored =
                vms.createFrom(Requests.path("snapshot_folder", snapshot), request.getStart());
            return CreateVmResponse.newBuilder().setVm(restored.status()).build();
          }
          int bytes = config.getBytes(StandardCharsets.UTF_8).length;
          if (bytes > ControlLimits.MAX_CONFIG_BYTES) {
            throw Requests.invalid(
                "the configuration has %d bytes, more than %d"
                    .formatted(bytes, ControlLimits.MAX_CONFIG_BYTES));
          }
          String base = request.getBaseFolder();
          ControlledVm vm =
              vms.create(config, base.isEmpty() ? null : Requests.path("base_folder", base));
          if (request.hasStart()) {
            vm.start(request.getStart());
          }
          return CreateVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void deleteVm(DeleteVmRequest request, StreamObserver<DeleteVmResponse> to) {
    answer(
        to,
        () -> {
          vms.delete(Requests.name(request.getVm()));
          return DeleteVmResponse.getDefaultInstance();
        });
  }

  @Override
  public void listVms(ListVmsRequest request, StreamObserver<ListVmsResponse> to) {
    answer(
        to,
        () -> {
          ListVmsResponse.Builder list = ListVmsResponse.newBuilder();
          vms.list().forEach(vm -> list.addVms(vm.status()));
          return list.build();
        });
  }

  @Override
  public void getVm(GetVmRequest request, StreamObserver<GetVmResponse> to) {
    answer(to, () -> GetVmResponse.newBuilder().setVm(vm(request.getVm()).status()).build());
  }

  @Override
  public void startVm(StartVmRequest request, StreamObserver<StartVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          vm.start(request.getStart());
          return StartVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void pauseVm(PauseVmRequest request, StreamObserver<PauseVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          vm.pause();
          return PauseVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void resumeVm(ResumeVmRequest request, StreamObserver<ResumeVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          vm.resume();
          return ResumeVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void stopVm(StopVmRequest request, StreamObserver<StopVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          long grace =
              request.hasGraceMillis()
                  ? Integer.toUnsignedLong(request.getGraceMillis())
                  : ControlLimits.DEFAULT_GRACE_MILLIS;
          if (grace > ControlLimits.MAX_GRACE_MILLIS) {
            throw Requests.invalid(
                "grace_millis is %d, more than %d"
                    .formatted(grace, ControlLimits.MAX_GRACE_MILLIS));
          }
          vm.stop(grace);
          return StopVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void killVm(KillVmRequest request, StreamObserver<KillVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          vm.kill();
          return KillVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void snapshotVm(SnapshotVmRequest request, StreamObserver<SnapshotVmResponse> to) {
    answer(
        to,
        () ->
            vm(request.getVm())
                .snapshot(
                    Requests.path("folder", request.getFolder()),
                    Requests.count("keep", request.getKeep())));
  }

  @Override
  public void restoreVm(RestoreVmRequest request, StreamObserver<RestoreVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          vm.restore(Requests.path("folder", request.getFolder()), request.getStart());
          return RestoreVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void protectVm(ProtectVmRequest request, StreamObserver<ProtectVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          await(
              vm.protect(
                  Requests.address("standby", request.getStandby()),
                  request.hasMaxPauseMillis()
                      ? Requests.maxPauseMillis(request.getMaxPauseMillis())
                      : null));
          return ProtectVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void unprotectVm(UnprotectVmRequest request, StreamObserver<UnprotectVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          await(vm.unprotect());
          return UnprotectVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void failoverVm(FailoverVmRequest request, StreamObserver<FailoverVmResponse> to) {
    answer(
        to,
        () -> {
          ControlledVm vm = vm(request.getVm());
          await(vm.failover());
          return FailoverVmResponse.newBuilder().setVm(vm.status()).build();
        });
  }

  @Override
  public void recoverVm(RecoverVmRequest request, StreamObserver<RecoverVmResponse> to) {
    answer(
        to,
        () -> {
          if (request.getOthersCount() > ControlLimits.MAX_IMAGES) {
            throw Requests.invalid(
                "%d other images are named, more than %d"
                    .formatted(request.getOthersCount(), ControlLimits.MAX_IMAGES));
          }
          return vm(request.getVm()).recover(request);
        });
  }

  @Override
  public void getMetrics(GetMetricsRequest request, StreamObserver<GetMetricsResponse> to) {
    answer(
        to,
        () -> {
          List<ControlledVm> measured =
              request.getVm().isEmpty() ? vms.list() : List.of(vm(request.getVm()));
          return GetMetricsResponse.newBuilder().setText(metrics.text(measured)).build();
        });
  }

  @Override
  public StreamObserver<OpenConsoleRequest> openConsole(StreamObserver<OpenConsoleResponse> to) {
    return new ConsoleCall(vms, pump(to));
  }

  @Override
  public void watchEvents(WatchEventsRequest request, StreamObserver<WatchEventsResponse> to) {
    StreamPump<WatchEventsResponse> out = pump(to);
    try {
      String only = request.getVm();
      if (!only.isEmpty()) {
        vm(only);
      }
      out.start("events-out", pump -> watch(request, pump));
    } catch (RuntimeException e) {
      out.fail(e);
    }
  }

  private void watch(WatchEventsRequest request, StreamPump<WatchEventsResponse> out)
      throws InterruptedException {
    String only = request.getVm();
    EventRing events = vms.events();
    long after = request.hasAfterSequence() ? request.getAfterSequence() : events.newest();
    if (!request.hasAfterSequence()) {
      for (ControlledVm vm : vms.list()) {
        if (only.isEmpty() || only.equals(vm.name())) {
          Event now =
              Event.newBuilder()
                  .setSequence(after)
                  .setTime(EventRing.now())
                  .setVm(vm.name())
                  .setChanged(vm.status())
                  .build();
          out.send(WatchEventsResponse.newBuilder().setEvent(now).build());
        }
      }
    }
    for (Event next = events.await(after); next != null; next = events.await(after)) {
      after = next.getSequence();
      if (only.isEmpty() || next.getVm().isEmpty() || only.equals(next.getVm())) {
        out.send(WatchEventsResponse.newBuilder().setEvent(next).build());
      }
    }
  }

  private <T> StreamPump<T> pump(StreamObserver<T> to) {
    return new StreamPump<>((ServerCallStreamObserver<T>) to, streams);
  }
}
