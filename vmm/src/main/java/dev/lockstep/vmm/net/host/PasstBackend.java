package dev.lockstep.vmm.net.host;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.Offloads;
import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * User-mode networking by passt, over its Unix socket: a stream of frames, each behind its length in four bytes, the highest first (passt(1), "qemu", since QEMU's {@code -netdev
 * stream} speaks so).
 */
public final class PasstBackend implements NetworkBackend {
  private static final int PREFIX_BYTES = 4;
  private static final int RECEIVE_BYTES = 1 << 16;
  private static final int CONNECT_ATTEMPTS = 500;
  private static final long CONNECT_RETRY_NANOS = 10_000_000;

  /** What passt may send at most; it is told to stay within {@link Frames#MAX_FRAME_BYTES}. */
  private static final int MAX_SANE_BYTES = 1 << 17;

  private final Path socket;
  private final @Nullable PasstProcess process;
  private final SocketChannel channel;
  private final Selector selector;
  private final ByteBuffer received = ByteBuffer.allocate(RECEIVE_BYTES + MAX_SANE_BYTES);

  /** The end of a frame that the socket took only the beginning of; empty almost always. */
  private final ByteBuffer unsent = ByteBuffer.allocate(PREFIX_BYTES + Frames.MAX_FRAME_BYTES);

  private PasstBackend(Path socket, @Nullable PasstProcess process, SocketChannel channel)
      throws IOException {
    this.socket = socket;
    this.process = process;
    this.channel = channel;
    channel.configureBlocking(false);
    selector = Selector.open();
    channel.register(selector, SelectionKey.OP_READ);
    unsent.flip();
  }

  /**
   * Connects to a passt that listens.
   *
   * @throws VmmException if it does not
   */
  public static PasstBackend connect(Path socket) {
    return connect(socket, null);
  }

  /**
   * Starts a passt of its own, which ends with it.
   *
   * @param forwards ports of this host that lead into the guest
   * @throws VmmException if passt is not here, or says no
   */
  public static PasstBackend start(List<PortForward> forwards) {
    PasstProcess process = PasstProcess.start(forwards);
    try {
      // Its socket has a name a moment before it listens there.
      for (int attempt = 1; true; attempt++) {
        try {
          return connect(process.socket(), process);
        } catch (VmmException e) {
          process.requireAlive();
          if (attempt == CONNECT_ATTEMPTS) {
            throw e;
          }
          LockSupport.parkNanos(CONNECT_RETRY_NANOS);
        }
      }
    } catch (RuntimeException e) {
      process.close();
      throw e;
    }
  }

  private static PasstBackend connect(Path socket, @Nullable PasstProcess process) {
    SocketChannel channel = null;
    try {
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(UnixDomainSocketAddress.of(socket));
      return new PasstBackend(socket, process, channel);
    } catch (IOException e) {
      VmmException failure =
          new VmmException(
              "passt cannot be reached by its socket '%s': %s".formatted(socket, e.getMessage()),
              "Start it with: passt --foreground --mtu 1500 --socket %s; or leave the socket away, and it is started for you."
                  .formatted(socket),
              e);
      if (channel != null) {
        try {
          channel.close();
        } catch (IOException second) {
          failure.addSuppressed(second);
        }
      }
      throw failure;
    }
  }

  @Override
  public byte @Nullable [] receive(int timeoutMillis, int maxBytes) throws IOException {
    byte[] ready = take(maxBytes);
    if (ready != null) {
      return ready;
    }
    try {
      selector.select(timeoutMillis);
      selector.selectedKeys().clear();
      int count = channel.read(received);
      if (count < 0) {
        throw new EOFException("it has closed its socket");
      }
    } catch (IOException e) {
      throw gone(e);
    }
    return take(maxBytes);
  }

  /** Takes whole frames from what was received. */
  private byte @Nullable [] take(int maxBytes) throws IOException {
    received.flip();
    byte[] packed = new byte[Math.min(maxBytes, received.remaining())];
    int size = 0;
    while (received.remaining() >= PREFIX_BYTES) {
      int length = received.getInt(received.position());
      if (length < 0 || length > MAX_SANE_BYTES) {
        throw gone(new IOException("it sent a frame of %d bytes".formatted(length)));
      }
      int need = Frames.LENGTH_BYTES + length;
      if (received.remaining() < PREFIX_BYTES + length
          || isFrame(length) && maxBytes - size < need) {
        break;
      }
      received.position(received.position() + PREFIX_BYTES);
      if (isFrame(length)) {
        Frames.putLength(packed, size, length);
        received.get(packed, size + Frames.LENGTH_BYTES, length);
        size += need;
      } else {
        received.position(received.position() + length);
      }
    }
    received.compact();
    return size == 0 ? null : Arrays.copyOf(packed, size);
  }

  private static boolean isFrame(int length) {
    return length >= Frames.MIN_FRAME_BYTES && length <= Frames.MAX_FRAME_BYTES;
  }

  /** Its socket has no headers. */
  @Override
  public boolean hasHeaders() {
    return false;
  }

  @Override
  public void offload(Offloads offloads) {}

  @Override
  public synchronized boolean send(byte[] packed, int at, int length) throws IOException {
    try {
      if (unsent.hasRemaining()) {
        channel.write(unsent);
      }
      if (unsent.hasRemaining()) {
        return false;
      }
      unsent.clear();
      unsent.putInt(length).put(packed, at, length).flip();
      int taken = channel.write(unsent);
      if (taken == 0) {
        // Not even its beginning: it is lost as a whole.
        unsent.position(unsent.limit());
        return false;
      }
      return true;
    } catch (IOException e) {
      throw gone(e);
    }
  }

  private IOException gone(IOException e) {
    return new IOException("passt at '%s' is gone: %s".formatted(socket, e.getMessage()), e);
  }

  @Override
  public void close() {
    try (channel;
        selector) {
      selector.wakeup();
    } catch (IOException e) {
      // There is nothing to be lost any more.
    }
    if (process != null) {
      process.close();
    }
  }
}
