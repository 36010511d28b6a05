package dev.lockstep.cli.dashboard;

/** What the dashboard takes and keeps at most. */
final class DashboardLimits {
  /** Connections at once; a browser uses at most six and two WebSockets a page. */
  static final int MAX_CONNECTIONS = 64;

  /** Open WebSockets. */
  static final int MAX_STREAMS = 32;

  /** Actions under way. */
  static final int MAX_ACTIONS = 16;

  /** Characters of a request's first line. */
  static final int MAX_REQUEST_LINE_CHARS = 2048;

  /** Characters of a request's headers. */
  static final int MAX_HEADER_CHARS = 8192;

  /** Bytes of a request's body. */
  static final int MAX_BODY_BYTES = 4096;

  /** Bytes of a message from the browser: what is typed or pasted, in pieces. */
  static final int MAX_TYPED_BYTES = 8192;

  /** Console bytes in one message to the browser. */
  static final int MAX_CONSOLE_BYTES = 32 << 10;

  /** How often VMs are looked at. */
  static final long SAMPLE_MILLIS = 500;

  /** Samples of a VM that are kept: five minutes. */
  static final int KEPT_SAMPLES = 600;

  /** Old events that a page gets when it opens. */
  static final int SHOWN_EVENTS = 200;

  /** A browser that takes nothing for so long is dropped. */
  static final long SEND_TIMEOUT_MILLIS = 10_000;

  /** A guest that takes nothing for so long loses what was typed, and its user is told. */
  static final long TYPE_TIMEOUT_MILLIS = 3_000;

  /** A connection must have shown that it may be here within this. */
  static final int ADMISSION_SECONDS = 10;

  /** A silent connection is closed after this; a silent WebSocket's browser is asked first, and has as long to answer. */
  static final int IDLE_SECONDS = 20;

  private DashboardLimits() {}
}
