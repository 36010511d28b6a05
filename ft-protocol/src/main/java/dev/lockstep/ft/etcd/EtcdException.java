package dev.lockstep.ft.etcd;

/** etcd did not answer, or refused. Whether a change was made all the same is not known. */
public final class EtcdException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what was asked of whom, and what came of it
   */
  EtcdException(String message) {
    super(message);
  }

  EtcdException(String message, Throwable cause) {
    super(message, cause);
  }
}
