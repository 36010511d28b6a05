package dev.lockstep.cli.ctl;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlClient;
import io.grpc.StatusRuntimeException;

/** A call to a control port failed. */
public final class CallException extends VmmException {
  private static final long serialVersionUID = 1L;

  private final Kind kind;

  /** How, so far as programs tell it apart. */
  public enum Kind {
    /** What was asked is wrong. */
    INVALID,
    /** There is no such VM. */
    NO_SUCH_VM,
    /** It does not fit the state. */
    WRONG_STATE,
    /** Later it may be done: too much at once, or no answer in time. */
    BUSY,
    /** Nobody is there, or it cannot be done there. */
    UNAVAILABLE,
    /** A defect. */
    DEFECT
  }

  CallException(Kind kind, String what, String advice) {
    super(what, advice);
    this.kind = kind;
  }

  private CallException(Kind kind, VmmException told) {
    super(String.valueOf(told.getMessage()), told.advice(), told);
    this.kind = kind;
  }

  /** What a client's call failed with. */
  static CallException of(ControlClient client, StatusRuntimeException status) {
    Kind kind =
        switch (status.getStatus().getCode()) {
          case INVALID_ARGUMENT -> Kind.INVALID;
          case NOT_FOUND -> Kind.NO_SUCH_VM;
          case FAILED_PRECONDITION, ALREADY_EXISTS, OUT_OF_RANGE, ABORTED -> Kind.WRONG_STATE;
          case RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, CANCELLED -> Kind.BUSY;
          case UNAVAILABLE, UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED -> Kind.UNAVAILABLE;
          case OK, UNKNOWN, INTERNAL, DATA_LOSS -> Kind.DEFECT;
        };
    return new CallException(kind, client.failure(status));
  }

  /** How. */
  public Kind kind() {
    return kind;
  }
}
