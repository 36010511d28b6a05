package dev.lockstep.cli.demo;

/** The demo did not show what it promises: a finding, not a host's failure. */
public final class DemoException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DemoException(String message) {
    super(message);
  }
}
