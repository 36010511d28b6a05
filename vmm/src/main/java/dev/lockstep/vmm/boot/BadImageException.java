package dev.lockstep.vmm.boot;

import java.io.IOException;

/** A kernel or initrd is not what it should be; the message says what "it" is or lacks. */
final class BadImageException extends IOException {
  private static final long serialVersionUID = 1L;

  BadImageException(String message) {
    super(message);
  }

  BadImageException(String message, Throwable cause) {
    super(message, cause);
  }
}
