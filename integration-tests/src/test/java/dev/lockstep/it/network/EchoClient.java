package dev.lockstep.it.network;

import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A client, as a process of its own: keeps one TCP connection to an echo service, sends block after block of random bytes and holds every byte that comes back against them. Told
 * {@code mark} it begins to measure anew, told {@code stop} it ends. Says in a line of JSON how many blocks came back, and the longest time between two answers since the last mark.
 */
final class EchoClient {
  private static final int CONNECT_MILLIS = 1_000;
  private static final int READ_MILLIS = 120_000;
  private static final int MAX_BLOCK_BYTES = 3_000;

  private EchoClient() {}

  /**
   * @param arguments address, port, seed, and how many milliseconds to rest between two blocks
   */
  public static void main(String[] arguments) throws Exception {
    Random random = new Random(Long.parseLong(arguments[2]));
    AtomicReference<String> order = new AtomicReference<>("");
    Thread.ofPlatform().daemon().start(() -> listen(order));
    try (Socket socket = connect(arguments[0], Integer.parseInt(arguments[1]))) {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(READ_MILLIS);
      say("{\"connected\":true}");
      talk(socket, random, Long.parseLong(arguments[3]), order);
    } catch (IOException e) {
      say("{\"failed\":\"%s\"}".formatted(e.toString().replaceAll("[\"\\\\]", "'")));
      System.exit(1);
    }
  }

  private static Socket connect(String address, int port) throws Exception {
    IOException last = new IOException("not tried");
    for (int attempt = 0; attempt < 300; attempt++) {
      Socket socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(address, port), CONNECT_MILLIS);
        return socket;
      } catch (IOException e) {
        socket.close();
        last = e;
        // The guest is booting.
        Thread.sleep(200);
      }
    }
    throw last;
  }

  private static void talk(
      Socket socket, Random random, long restMillis, AtomicReference<String> order)
      throws IOException, InterruptedException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    OutputStream out = socket.getOutputStream();
    long blocks = 0;
    long bytes = 0;
    long longest = 0;
    long last = System.nanoTime();
    while (true) {
      byte[] block = new byte[1 + random.nextInt(MAX_BLOCK_BYTES)];
      random.nextBytes(block);
      Thread.sleep(restMillis);
      last = restMillis > 0 ? System.nanoTime() : last;
      out.write(block);
      byte[] back = new byte[block.length];
      in.readFully(back);
      if (!Arrays.equals(block, back)) {
        throw new IOException(
            "block %d of %d bytes came back changed".formatted(blocks, block.length));
      }
      blocks++;
      bytes += block.length;
      long now = System.nanoTime();
      longest = Math.max(longest, now - last);
      last = now;
      String told = order.getAndSet("");
      if (!told.isEmpty()) {
        say(
            "{\"order\":\"%s\",\"blocks\":%d,\"bytes\":%d,\"longest_gap_micros\":%d}"
                .formatted(told, blocks, bytes, longest / 1_000));
        longest = 0;
        if (told.equals("stop")) {
          return;
        }
      }
    }
  }

  private static void listen(AtomicReference<String> order) {
    try (BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        order.set(line.strip());
      }
    } catch (IOException e) {
      // The test is gone; so is what it would have told.
    }
    System.exit(2);
  }

  private static void say(String json) {
    System.out.println(json);
    System.out.flush();
  }
}
