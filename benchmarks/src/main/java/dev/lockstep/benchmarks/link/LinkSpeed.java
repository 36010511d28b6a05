package dev.lockstep.benchmarks.link;

import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.net.ReplicationClient;
import dev.lockstep.ft.net.ReplicationServer;
import dev.lockstep.ft.net.TransportLimits;
import dev.lockstep.ft.pki.CertificateAuthority;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Streams checkpoint chunks from one end to the other in the clear and by TLS, in turns, and prints both rates and their ratio. */
public final class LinkSpeed {
  private static final int CHUNK_BYTES = 256 << 10;
  private static final int ROUNDS = 5;
  private static final long ROUND_BYTES = 1L << 30;
  private static final ReplicaInstance PRIMARY = new ReplicaInstance("a", 1);
  private static final ReplicaInstance BACKUP = new ReplicaInstance("b", 2);

  private final Path folder;
  private final Payload chunk;

  private LinkSpeed(Path folder) {
    this.folder = folder;
    byte[] bytes = new byte[CHUNK_BYTES];
    new Random(1).nextBytes(bytes);
    chunk = Payload.of(bytes);
  }

  /** Runs it; without arguments. */
  public static void main(String[] args) throws Exception {
    Path folder = Files.createTempDirectory("link-speed-");
    LinkSpeed speed = new LinkSpeed(folder);
    TlsIdentity tls = speed.identity();
    // Neither side is warm in its first round, which counts for neither.
    speed.megabytesPerSecond(null);
    speed.megabytesPerSecond(tls);
    List<Double> clear = new ArrayList<>();
    List<Double> secured = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      clear.add(speed.megabytesPerSecond(null));
      secured.add(speed.megabytesPerSecond(tls));
    }
    System.out.printf(
        "link: %d rounds of %d MiB; median in the clear %.0f MB/s, by TLS 1.3 %.0f MB/s, ratio %.2f%n",
        ROUNDS, ROUND_BYTES >> 20, median(clear), median(secured), median(secured) / median(clear));
  }

  private TlsIdentity identity() {
    Path made =
        CertificateAuthority.create(folder.resolve("pki"), Duration.ofDays(1), Instant.now())
            .issue("host", List.of("127.0.0.1", "localhost"), Duration.ofDays(1), Instant.now())
            .folder();
    return TlsIdentity.load(TlsFiles.in(made));
  }

  private double megabytesPerSecond(@Nullable TlsIdentity tls)
      throws IOException, InterruptedException {
    Ends ends = new Ends(PRIMARY);
    try (ReplicationServer server =
            new ReplicationServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                ends,
                ends,
                TransportLimits.defaults(),
                tls);
        ReplicationClient client =
            new ReplicationClient(
                new InetSocketAddress("127.0.0.1", server.address().getPort()),
                () -> Ends.identity(BACKUP),
                new SharedPathArbiter(folder.resolve("arbiter")),
                ends,
                TransportLimits.defaults(),
                tls)) {
      ends.awaitLink();
      client.send(new Message.JoinRequest(BACKUP));
      int chunks = (int) (ROUND_BYTES / CHUNK_BYTES);
      long begun = System.nanoTime();
      for (int i = 0; i < chunks; i++) {
        ends.awaitRoom();
        server.send(BACKUP, new Message.CheckpointChunk(1, 0, i, chunk));
      }
      ends.awaitChunks(chunks);
      double seconds = (System.nanoTime() - begun) / 1e9;
      return ROUND_BYTES / 1e6 / seconds;
    }
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }
}
