package dev.lockstep.ft.control;

import com.google.protobuf.Any;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.ConfigException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Failures as a caller sees them: a gRPC status with what happened and what to do. */
final class Failures {
  /** Of {@code google.rpc.ErrorInfo}. */
  static final String DOMAIN = "lockstep";

  /** Key of its metadata: what to do. */
  static final String ADVICE = "advice";

  private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

  private Failures() {}

  /** What the caller of a call that failed is answered. */
  static StatusRuntimeException of(Throwable failure) {
    return switch (failure) {
      case StatusRuntimeException it -> it;
      case ControlException it -> status(code(it.kind()), it.kind().name(), it);
      case ConfigException it -> status(Code.INVALID_ARGUMENT, "CONFIGURATION", it);
      case VmmException it -> status(Code.FAILED_PRECONDITION, "HOST", it);
      case CancellationException it -> io.grpc.Status.CANCELLED.asRuntimeException();
      case CompletionException it when it.getCause() != null -> of(it.getCause());
      case ExecutionException it when it.getCause() != null -> of(it.getCause());
      case InterruptedException it ->
          status(
              Code.UNAVAILABLE,
              "CLOSING",
              new VmmException("the control port is closing", "Ask again when it is back."));
      default -> {
        LOG.error("a call of the control port failed", failure);
        yield status(
            Code.INTERNAL,
            "DEFECT",
            new VmmException(
                "a defect of Lockstep: " + failure, "Report it, with the log of the process."));
      }
    };
  }

  private static Code code(ControlException.Kind kind) {
    return switch (kind) {
      case NOT_FOUND -> Code.NOT_FOUND;
      case EXISTS -> Code.ALREADY_EXISTS;
      case INVALID -> Code.INVALID_ARGUMENT;
      case WRONG_STATE -> Code.FAILED_PRECONDITION;
      case GONE -> Code.OUT_OF_RANGE;
      case BUSY -> Code.RESOURCE_EXHAUSTED;
      case UNSUPPORTED -> Code.UNIMPLEMENTED;
    };
  }

  private static StatusRuntimeException status(Code code, String reason, VmmException failure) {
    ErrorInfo info =
        ErrorInfo.newBuilder()
            .setDomain(DOMAIN)
            .setReason(reason)
            .putMetadata(ADVICE, failure.advice())
            .build();
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.getNumber())
            .setMessage(failure.getMessage() + ". " + failure.advice())
            .addDetails(Any.pack(info))
            .build());
  }

  /**
   * The failure behind a status, on the caller's side.
   *
   * @return what happened and what to do; null if the status is not one of ours
   */
  static @Nullable VmmException told(StatusRuntimeException status) {
    com.google.rpc.Status details = StatusProto.fromThrowable(status);
    if (details == null) {
      return null;
    }
    for (Any detail : details.getDetailsList()) {
      try {
        if (detail.is(ErrorInfo.class)) {
          String advice = detail.unpack(ErrorInfo.class).getMetadataOrDefault(ADVICE, "");
          String message = details.getMessage();
          String end = ". " + advice;
          return new VmmException(
              message.endsWith(end)
                  ? message.substring(0, message.length() - end.length())
                  : message,
              advice);
        }
      } catch (com.google.protobuf.InvalidProtocolBufferException e) {
        LOG.debug("a status has damaged details", e);
      }
    }
    return null;
  }
}
