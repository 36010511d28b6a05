package dev.lockstep.vmm.net.host;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** The other end of passt's socket, in the hands of a test: it sends whatever it is told to. */
final class FrameServer implements AutoCloseable {
  final Path path;
  private final ServerSocketChannel listener;
  private SocketChannel client;

  FrameServer(Path path) {
    this.path = path;
    try {
      listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      listener.bind(UnixDomainSocketAddress.of(path));
      client = SocketChannel.open(StandardProtocolFamily.UNIX);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Takes the client that has connected. */
  FrameServer accept() throws IOException {
    client.close();
    client = listener.accept();
    return this;
  }

  /** Sends bytes as they are. */
  void raw(byte... bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      client.write(buffer);
    }
  }

  /** A frame behind its length. */
  static byte[] prefixed(byte[] frame) {
    return ByteBuffer.allocate(4 + frame.length).putInt(frame.length).put(frame).array();
  }

  /** The next frame that the client has sent. */
  byte[] frame() throws IOException {
    return exactly(exactly(4).getInt()).array();
  }

  private ByteBuffer exactly(int bytes) throws IOException {
    if (bytes < 0 || bytes > 1 << 17) {
      throw new IOException("a frame of %d bytes".formatted(bytes));
    }
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (buffer.hasRemaining()) {
      if (client.read(buffer) < 0) {
        throw new EOFException();
      }
    }
    return buffer.flip();
  }

  /** Closes the connection, and goes on listening. */
  void hangUp() throws IOException {
    client.close();
  }

  @Override
  public void close() throws IOException {
    client.close();
    listener.close();
    Files.deleteIfExists(path);
  }
}
