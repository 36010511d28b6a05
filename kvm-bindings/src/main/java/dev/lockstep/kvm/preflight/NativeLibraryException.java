package dev.lockstep.kvm.preflight;

/** JNA could not unpack or load its native part, so that this host cannot be asked. */
public final class NativeLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NativeLibraryException(LinkageError cause) {
    super("the library that asks the host (JNA) could not be loaded: " + cause.getMessage(), cause);
  }

  /** What a user can do, one sentence. */
  public String advice() {
    return "Let programs run from the folder for temporary files, or name another with LOCKSTEP_JAVA_OPTIONS=-Djna.tmpdir=FOLDER.";
  }
}
