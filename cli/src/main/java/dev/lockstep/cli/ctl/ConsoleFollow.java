package dev.lockstep.cli.ctl;

import com.google.protobuf.ByteString;
import dev.lockstep.ft.control.ControlClient;
import dev.lockstep.ft.control.proto.ConsoleOpen;
import dev.lockstep.ft.control.proto.ConsoleOutput;
import dev.lockstep.ft.control.proto.OpenConsoleRequest;
import dev.lockstep.ft.control.proto.OpenConsoleResponse;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmState;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A VM's console, followed from one endpoint to the next: by byte offset, so that what its consumer gets has no byte twice and none missing, whichever replica the guest runs at. What is typed
 * goes to where it is live, or waits.
 */
public final class ConsoleFollow implements AutoCloseable {
  private static final long RETRY_MILLIS = 50;

  /** Takes the stream's bytes. */
  public interface Sink {
    /**
     * The next bytes.
     *
     * @param offset of the first
     */
    void accept(long offset, byte[] bytes);

    /** What happens to the connection, for people. */
    void note(String sentence);
  }

  private final Endpoints endpoints;
  private final String vm;
  private final boolean follow;
  private final Sink sink;

  /** Of the next byte; negative while it is not known. */
  private long offset;

  private @Nullable Connection connection;
  private boolean guestEnded;
  private boolean closed;

  /**
   * @param from offset of the first byte; negative for the oldest that is kept
   * @param follow whether to wait for more at the end of what there is
   */
  public ConsoleFollow(Endpoints endpoints, String vm, long from, boolean follow, Sink sink) {
    this.endpoints = endpoints;
    this.vm = vm;
    this.offset = from;
    this.follow = follow;
    this.sink = sink;
  }

  /**
   * Follows until the VM has ended everywhere, or {@link #close}.
   *
   * @throws CallException if there is no such VM, or its console cannot be read, or nobody goes on with it within the endpoints' bound
   */
  public void run() throws InterruptedException {
    long lostNanos = 0;
    boolean everOpen = false;
    while (!isClosed()) {
      List<Endpoints.Found> found = endpoints.find(vm);
      Optional<Endpoints.Found> place = place(found);
      if (place.isPresent()) {
        StatusRuntimeException failure = follow(place.get().client());
        everOpen = true;
        lostNanos = 0;
        if (failure == null && (!follow || guestHasEnded())) {
          return;
        }
        if (failure != null && !passing(failure)) {
          throw CallException.of(place.get().client(), failure);
        }
      } else if (!everOpen && found.stream().noneMatch(it -> it.status() != null || it.slow())) {
        throw Endpoints.noneHas(found);
      } else if (over(found)) {
        if (!everOpen) {
          throw new CallException(
              CallException.Kind.WRONG_STATE,
              "VM '%s' does not run and has not run, so it has no console".formatted(vm),
              "Start it first.");
        }
        return;
      } else if (lostNanos == 0) {
        lostNanos = System.nanoTime();
        sink.note("waiting for a replica of VM '%s' that is live".formatted(vm));
      } else if (System.nanoTime() - lostNanos
          > TimeUnit.MILLISECONDS.toNanos(endpoints.timeoutMillis())) {
        throw new CallException(
            CallException.Kind.UNAVAILABLE,
            "no replica of VM '%s' has gone on with it for %d s"
                .formatted(vm, endpoints.timeoutMillis() / 1000),
            "Look at its status at every endpoint; go on from byte %d.".formatted(offset));
      }
      Thread.sleep(RETRY_MILLIS);
    }
  }

  /** Where to read: where it is live; else wherever a run has ended and left something to read. */
  private Optional<Endpoints.Found> place(List<Endpoints.Found> found) {
    Optional<Endpoints.Found> live = Endpoints.live(found);
    if (live.isPresent()) {
      return live;
    }
    long read = offset();
    return found.stream()
        .filter(it -> {
          var status = it.status();
          return status != null
              && status.hasConsole()
              && status.getConsole().getEndOffset() > read
              && (status.getState() == VmState.VM_STATE_ENDED
                  || status.getState() == VmState.VM_STATE_FAILED);
        })
        .findFirst();
  }

  /** Whether everybody answers, and nobody has a run that could go on. */
  private static boolean over(List<Endpoints.Found> found) {
    return found.stream()
        .noneMatch(it -> {
          var status = it.status();
          return it.unreachable() && found.size() > 1
              || it.successor()
              || status != null
                  && switch (status.getState()) {
                    case VM_STATE_STARTING, VM_STATE_RUNNING, VM_STATE_PAUSED -> true;
                    default -> false;
                  };
        });
  }

  /** Whether another endpoint, or the same one later, may go on where this one stopped. */
  private static boolean passing(StatusRuntimeException failure) {
    return switch (failure.getStatus().getCode()) {
      case UNAVAILABLE, CANCELLED, FAILED_PRECONDITION, NOT_FOUND -> true;
      default -> false;
    };
  }

  private @Nullable StatusRuntimeException follow(ControlClient client)
      throws InterruptedException {
    Connection opened = new Connection(client);
    synchronized (this) {
      if (closed) {
        return null;
      }
      connection = opened;
    }
    opened.open();
    StatusRuntimeException failure = opened.await();
    synchronized (this) {
      connection = null;
    }
    return failure;
  }

  private synchronized boolean guestHasEnded() {
    return guestEnded;
  }

  /** A run has ended: the guest's end, unless it only ended there and may go on elsewhere. */
  private synchronized void ended(VmEnd end) {
    guestEnded =
        switch (end.getReason()) {
          case "handed_over", "left", "killed", "failed" -> false;
          default -> true;
        };
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /**
   * Types.
   *
   * @return false if it cannot be taken now: to be offered again
   */
  public boolean type(byte[] bytes) {
    Connection now;
    synchronized (this) {
      now = connection;
    }
    return now != null && now.type(bytes);
  }

  /** Offset behind the last byte that was given out; negative before the first. */
  public synchronized long offset() {
    return offset;
  }

  /** The stream is open; if it was not known where to begin, it is now. */
  private synchronized void beginAt(long first) {
    if (offset < 0) {
      offset = first;
    }
  }

  private synchronized void take(ConsoleOutput output) {
    byte[] bytes = output.getData().toByteArray();
    long at = output.getOffset();
    if (at > offset) {
      throw new IllegalStateException(
          "console bytes at offset %d leave a gap behind %d".formatted(at, offset));
    }
    int again = (int) Math.min(offset - at, bytes.length);
    if (again < bytes.length) {
      sink.accept(offset, again == 0 ? bytes : Arrays.copyOfRange(bytes, again, bytes.length));
      offset = at + bytes.length;
    }
  }

  @Override
  public void close() {
    Connection now;
    synchronized (this) {
      closed = true;
      now = connection;
    }
    if (now != null) {
      now.cancel();
    }
  }

  /** One call of the console, at one endpoint. */
  private final class Connection
      implements ClientResponseObserver<OpenConsoleRequest, OpenConsoleResponse> {
    private final ControlClient client;
    private @Nullable ClientCallStreamObserver<OpenConsoleRequest> to;
    private boolean live;
    private boolean ended;
    private @Nullable StatusRuntimeException failure;

    Connection(ControlClient client) {
      this.client = client;
    }

    void open() {
      client.streams().openConsole(this);
      ConsoleOpen.Builder open = ConsoleOpen.newBuilder().setVm(vm).setNoFollow(!follow);
      long from = offset();
      if (from >= 0) {
        open.setFromOffset(from);
      }
      synchronized (this) {
        if (to != null && !ended) {
          to.onNext(OpenConsoleRequest.newBuilder().setOpen(open).build());
        }
      }
    }

    @Override
    public synchronized void beforeStart(ClientCallStreamObserver<OpenConsoleRequest> stream) {
      to = stream;
    }

    @Override
    public void onNext(OpenConsoleResponse response) {
      switch (response.getBodyCase()) {
        case OPENED -> {
          beginAt(response.getOpened().getOffset());
          synchronized (this) {
            live = response.getOpened().getLive();
          }
        }
        case OUTPUT -> take(response.getOutput());
        case ENDED -> ended(response.getEnded());
        case BODY_NOT_SET -> {}
      }
    }

    @Override
    public synchronized void onError(Throwable t) {
      failure = Status.fromThrowable(t).asRuntimeException(Status.trailersFromThrowable(t));
      ended = true;
      notifyAll();
    }

    @Override
    public synchronized void onCompleted() {
      ended = true;
      notifyAll();
    }

    synchronized @Nullable StatusRuntimeException await() throws InterruptedException {
      while (!ended) {
        wait();
      }
      return failure;
    }

    synchronized boolean type(byte[] bytes) {
      ClientCallStreamObserver<OpenConsoleRequest> now = to;
      if (now == null || ended || !live || !now.isReady()) {
        return false;
      }
      now.onNext(OpenConsoleRequest.newBuilder().setInput(ByteString.copyFrom(bytes)).build());
      return true;
    }

    synchronized void cancel() {
      ClientCallStreamObserver<OpenConsoleRequest> now = to;
      if (now != null && !ended) {
        now.cancel("the console is closed", null);
      }
    }
  }
}
