package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;

/** A call of the control port that cannot be done, and is not the host's fault. */
public final class ControlException extends VmmException {
  private static final long serialVersionUID = 1L;

  private final Kind kind;

  /** What is wrong with a call. */
  public enum Kind {
    /** There is no such VM. */
    NOT_FOUND,
    /** There is a VM of this name. */
    EXISTS,
    /** The request is wrong, whatever the state. */
    INVALID,
    /** It does not fit the VM's state. */
    WRONG_STATE,
    /** What is asked for is not there any more. */
    GONE,
    /** Too much is asked for at once; later it can be done. */
    BUSY,
    /** This release, or this process, cannot do it. */
    UNSUPPORTED
  }

  /**
   * @param what happened and where, one sentence without a full stop at the end
   * @param advice what the caller can do, one sentence
   */
  public ControlException(Kind kind, String what, String advice) {
    super(what, advice);
    this.kind = kind;
  }

  /** What is wrong. */
  public Kind kind() {
    return kind;
  }
}
