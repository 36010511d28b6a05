package dev.lockstep.ft.net;

/**
 * Bounds of the transport.
 *
 * @param maxFrameBytes the largest frame sent or taken
 * @param maxQueuedBytes what may wait to be sent on one connection; more is dropped
 * @param maxConnections connections a listening replica keeps open at once
 * @param handshakeTimeoutMillis a connection that has not said who it is by then is closed
 * @param connectTimeoutMillis a dial that is not answered by then has failed
 * @param redialMillis between two dials
 */
public record TransportLimits(
    int maxFrameBytes,
    int maxQueuedBytes,
    int maxConnections,
    int handshakeTimeoutMillis,
    int connectTimeoutMillis,
    int redialMillis) {

  /** Frames of 4 MiB, 192 MiB queued, 16 connections, dials every 50 ms. */
  public static TransportLimits defaults() {
    return new TransportLimits(4 << 20, 192 << 20, 16, 5_000, 1_000, 50);
  }
}
