package dev.lockstep.ft.etcd;

import dev.lockstep.ft.tls.TlsIdentity;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.MethodDescriptor;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** An etcd cluster that can be asked. Holds nothing open itself; safe for use by several threads. */
public final class EtcdCluster {
  /** A question that is not answered by then has failed, unless said otherwise. */
  public static final int ANSWER_TIMEOUT_MILLIS = 1_500;

  /** A value of ours is far smaller. */
  private static final int MAX_ANSWER_BYTES = 8 << 20;

  private final EtcdAddress address;
  private final int answerTimeoutMillis;
  private final @Nullable TlsIdentity tls;

  public EtcdCluster(EtcdAddress address) {
    this(address, ANSWER_TIMEOUT_MILLIS, null);
  }

  /**
   * @param answerTimeoutMillis a question that is not answered by then has failed; positive
   */
  public EtcdCluster(EtcdAddress address, int answerTimeoutMillis) {
    this(address, answerTimeoutMillis, null);
  }

  /**
   * @param answerTimeoutMillis a question that is not answered by then has failed; positive
   * @param tls how this end shows etcd who it is, and what it demands of it; null for connections in the clear
   */
  public EtcdCluster(EtcdAddress address, int answerTimeoutMillis, @Nullable TlsIdentity tls) {
    this.address = address;
    this.answerTimeoutMillis = answerTimeoutMillis;
    this.tls = tls;
  }

  /** Where it is. */
  public EtcdAddress address() {
    return address;
  }

  /** A key of Lockstep's, below the prefix. */
  public String key(String rest) {
    return address.prefix() + "/" + rest;
  }

  /** Opens a session. Returns at once, whether etcd can be reached or not. */
  public EtcdSession open() {
    ClientBuilder builder =
        Client.builder()
            .endpoints(
                address.endpoints().stream()
                    .map(endpoint -> URI.create((tls == null ? "http://" : "https://") + endpoint))
                    .toArray(URI[]::new))
            // All members are dialled at once; a question goes to one that has answered the
            // greeting.
            .loadBalancerPolicy("round_robin")
            .waitForReady(true)
            .connectTimeout(Duration.ofMillis(answerTimeoutMillis))
            .maxInboundMessageSize(MAX_ANSWER_BYTES)
            // Whoever asks knows what may be asked again.
            .retryMaxAttempts(0)
            .interceptor(new Deadline(answerTimeoutMillis));
    if (tls != null) {
      builder.sslContext(tls.grpcClient());
    }
    return new EtcdSession(builder.build(), address, answerTimeoutMillis);
  }

  /** Ends every call in time, also one that nobody waits for any more. */
  private record Deadline(int millis) implements ClientInterceptor {
    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      return next.newCall(method, options.withDeadlineAfter(millis, TimeUnit.MILLISECONDS));
    }
  }
}
