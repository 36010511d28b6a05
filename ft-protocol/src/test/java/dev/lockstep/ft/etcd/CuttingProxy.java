package dev.lockstep.ft.etcd;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Between gRPC clients and a server on loopback. It knows HTTP/2's frames (RFC 9113, section 4.1), so it can break a connection exactly between a request and its answer, or before the request is
 * passed on.
 */
public final class CuttingProxy implements AutoCloseable {
  private static final int PREFACE_BYTES = 24;
  private static final int FRAME_HEADER_BYTES = 9;
  private static final int TYPE_AT = 3;
  private static final int HEADERS = 1;

  private final ServerSocket server;
  private final int target;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final AtomicInteger answersToLose = new AtomicInteger();
  private final AtomicInteger requestsToLose = new AtomicInteger();
  private volatile Runnable onLoss = () -> {};

  public CuttingProxy(int targetPort) throws IOException {
    target = targetPort;
    server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  /** The proxied cluster. */
  public EtcdCluster cluster() {
    return new EtcdCluster(EtcdAddress.parse("etcd://127.0.0.1:" + server.getLocalPort()));
  }

  /** The next answers are lost: the request has been carried out, the connection breaks instead of the answer. */
  public void loseAnswers(int count, Runnable atEach) {
    onLoss = atEach;
    answersToLose.set(count);
  }

  /** The next requests are lost: the connection breaks and the server never hears of them. */
  public void loseRequests(int count) {
    requestsToLose.set(count);
  }

  /** Answers still to be lost. */
  public int answersLeft() {
    return answersToLose.get();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket near = server.accept();
        sockets.add(near);
        Socket far = new Socket(InetAddress.getLoopbackAddress(), target);
        sockets.add(far);
        Thread.ofVirtual().start(() -> pump(near, far, PREFACE_BYTES, requestsToLose));
        Thread.ofVirtual().start(() -> pump(far, near, 0, answersToLose));
      } catch (IOException _) {
        // The server was closed, or the target is down: the client sees its connection close.
      }
    }
  }

  private void pump(Socket from, Socket to, int prefaceBytes, AtomicInteger headersToLose) {
    try (from;
        to) {
      InputStream bytes = from.getInputStream();
      DataInputStream in = new DataInputStream(bytes);
      OutputStream out = to.getOutputStream();
      out.write(in.readNBytes(prefaceBytes));
      byte[] header = new byte[FRAME_HEADER_BYTES];
      while (true) {
        in.readFully(header);
        int length = (header[0] & 0xff) << 16 | (header[1] & 0xff) << 8 | header[2] & 0xff;
        byte[] payload = in.readNBytes(length);
        if (header[TYPE_AT] == HEADERS
            && headersToLose.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
          onLoss.run();
          return;
        }
        out.write(header);
        out.write(payload);
        out.flush();
      }
    } catch (IOException _) {
      // One end is gone, and the other is closed with it.
    }
  }

  @Override
  public void close() {
    try {
      server.close();
      for (Socket socket : sockets) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
