package dev.lockstep.ft.control;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.console.Typist;
import dev.lockstep.ft.control.proto.ConsoleOpen;
import dev.lockstep.ft.control.proto.ConsoleOpened;
import dev.lockstep.ft.control.proto.ConsoleOutput;
import dev.lockstep.ft.control.proto.OpenConsoleRequest;
import dev.lockstep.ft.control.proto.OpenConsoleResponse;
import dev.lockstep.ft.control.proto.VmStatus;
import io.grpc.stub.StreamObserver;
import org.jspecify.annotations.Nullable;

/** One open console: what is typed goes to the guest in order, what has left the machine goes out by offset. */
final class ConsoleCall implements StreamObserver<OpenConsoleRequest> {
  private final ControlledVms vms;
  private final StreamPump<OpenConsoleResponse> out;
  private @Nullable ControlledVm vm;

  ConsoleCall(ControlledVms vms, StreamPump<OpenConsoleResponse> out) {
    this.vms = vms;
    this.out = out;
  }

  @Override
  public void onNext(OpenConsoleRequest request) {
    try {
      switch (request.getBodyCase()) {
        case OPEN -> open(request.getOpen());
        case INPUT -> type(request.getInput());
        case BODY_NOT_SET -> throw Requests.invalid("a message of the console says nothing");
      }
    } catch (InterruptedException | RuntimeException e) {
      out.fail(e);
    }
  }

  private void open(ConsoleOpen request) {
    if (vm != null) {
      throw Requests.invalid("the console is open already");
    }
    ControlledVm opened = vms.find(Requests.name(request.getVm()));
    ConsoleHistory history = opened.console();
    long oldest = history.oldest();
    long from = request.hasFromOffset() ? request.getFromOffset() : oldest;
    if (from < oldest) {
      throw gone(from, oldest);
    }
    vm = opened;
    boolean live = opened.status().getLive();
    long end = request.getNoFollow() ? history.end() : Long.MAX_VALUE;
    out.start("console-out", to -> send(opened, history, from, end, live));
  }

  private void send(ControlledVm opened, ConsoleHistory history, long from, long end, boolean live)
      throws InterruptedException {
    out.send(
        OpenConsoleResponse.newBuilder()
            .setOpened(ConsoleOpened.newBuilder().setOffset(from).setLive(live))
            .build());
    for (long offset = from; offset < end; ) {
      byte[] bytes;
      try {
        bytes = history.await(offset, ControlLimits.MAX_CONSOLE_OUTPUT_BYTES);
      } catch (IllegalArgumentException e) {
        throw gone(offset, history.oldest());
      }
      if (bytes.length == 0) {
        VmStatus status = opened.status();
        if (status.hasEnd()) {
          out.send(OpenConsoleResponse.newBuilder().setEnded(status.getEnd()).build());
        }
        return;
      }
      out.send(
          OpenConsoleResponse.newBuilder()
              .setOutput(
                  ConsoleOutput.newBuilder()
                      .setOffset(offset)
                      .setData(UnsafeByteOperations.unsafeWrap(bytes)))
              .build());
      offset += bytes.length;
    }
  }

  private static ControlException gone(long offset, long oldest) {
    return new ControlException(
        ControlException.Kind.GONE,
        "console byte %d is not kept any more; the oldest is %d".formatted(offset, oldest),
        "Begin at %d, or without an offset.".formatted(oldest));
  }

  /** Waits until the guest has taken it; meanwhile no further message of this call is read. */
  private void type(ByteString input) throws InterruptedException {
    ControlledVm open = vm;
    if (open == null) {
      throw Requests.invalid("input comes before the console is opened");
    }
    if (input.size() > ControlLimits.MAX_CONSOLE_INPUT_BYTES) {
      throw Requests.invalid(
          "%d bytes are typed at once, more than %d"
              .formatted(input.size(), ControlLimits.MAX_CONSOLE_INPUT_BYTES));
    }
    new Typist(open::type).type(input.toByteArray(), () -> !out.isGone());
  }

  @Override
  public void onError(Throwable gone) {
    // The caller is gone; the pump is told by itself.
  }

  @Override
  public void onCompleted() {
    // Nothing more is typed; the output goes on.
    if (vm == null) {
      out.fail(Requests.invalid("the console was never opened"));
    }
  }
}
