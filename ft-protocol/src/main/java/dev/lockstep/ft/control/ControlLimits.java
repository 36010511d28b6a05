package dev.lockstep.ft.control;

import java.util.concurrent.TimeUnit;

/** What the control port takes at most. */
public final class ControlLimits {
  /** Bytes of a configuration. */
  public static final int MAX_CONFIG_BYTES = 1 << 20;

  /** Bytes of a message, a configuration and what is around it. */
  public static final int MAX_MESSAGE_BYTES = MAX_CONFIG_BYTES + (64 << 10);

  /** Bytes of an answer that a client takes; a list of many VMs, or their metrics. */
  public static final int MAX_ANSWER_BYTES = 16 << 20;

  /** Characters of a VM's or a replica's name. */
  public static final int MAX_NAME_CHARS = 64;

  /** Bytes of a path or an address. */
  public static final int MAX_TEXT_BYTES = 4096;

  /** Images that a call of recover may name beside the VM's own. */
  public static final int MAX_IMAGES = 64;

  /** Typed bytes in one message. */
  public static final int MAX_CONSOLE_INPUT_BYTES = 16 << 10;

  /** Console bytes in one answer. */
  static final int MAX_CONSOLE_OUTPUT_BYTES = 64 << 10;

  /** Bytes of a call's metadata. */
  static final int MAX_METADATA_BYTES = 16 << 10;

  /** Open consoles and watched events of a process. */
  static final int MAX_STREAMS = 64;

  /** Calls under way in a process, streams not counted. */
  static final int MAX_CALLS = 256;

  /** Calls under way of one connection. */
  static final int MAX_CALLS_PER_CONNECTION = 128;

  /** How long a guest may take to end itself, if nothing is said. */
  public static final long DEFAULT_GRACE_MILLIS = 20_000;

  /** The longest that can be said. */
  static final long MAX_GRACE_MILLIS = 600_000;

  /** A client of ours is asked whether it is still there after so long without a word. */
  static final long KEEPALIVE_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** It must answer within this. */
  static final long KEEPALIVE_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** A client that asks more often than this is sent away. */
  static final long MIN_CLIENT_KEEPALIVE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** A connection must have said who it is within this. */
  static final long HANDSHAKE_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** Events that are kept for slow consumers. */
  public static final int KEPT_EVENTS = 1024;

  private ControlLimits() {}
}
