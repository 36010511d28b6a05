package dev.lockstep.ft.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Connections to etcd, for a few questions. Each is answered, or has failed, within the cluster's bound and a little. */
public final class EtcdSession implements AutoCloseable {
  /** Beyond the call's own deadline, which is what ends it as a rule. */
  private static final int SPARE_MILLIS = 500;

  private final Client client;
  private final EtcdAddress address;
  private final int answerTimeoutMillis;

  EtcdSession(Client client, EtcdAddress address, int answerTimeoutMillis) {
    this.client = client;
    this.address = address;
    this.answerTimeoutMillis = answerTimeoutMillis;
  }

  /**
   * Creates a key if it is absent (its version is 0), in one transaction, and tells its value.
   *
   * @return the value it has: this one, or that of whoever was first
   * @throws EtcdException if there is no answer; the key may have been created
   */
  public String createIfAbsent(String key, String value) throws EtcdException {
    ByteSequence name = bytes(key);
    TxnResponse response =
        answer(
            "create " + key,
            client
                .getKVClient()
                .txn()
                .If(new Cmp(name, Cmp.Op.EQUAL, CmpTarget.version(0)))
                .Then(Op.put(name, bytes(value), PutOption.DEFAULT))
                .Else(Op.get(name, GetOption.DEFAULT))
                .commit());
    if (response.isSucceeded()) {
      return value;
    }
    List<KeyValue> found = response.getGetResponses().getFirst().getKvs();
    if (found.isEmpty()) {
      throw new EtcdException("'%s' is neither absent nor there, says %s".formatted(key, address));
    }
    return found.getFirst().getValue().toString(UTF_8);
  }

  /** Reads a key; the answer is as new as the question (linearizable). */
  public Optional<String> read(String key) throws EtcdException {
    GetOption linearizable = GetOption.builder().withSerializable(false).build();
    return answer("read " + key, client.getKVClient().get(bytes(key), linearizable))
        .getKvs()
        .stream()
        .findFirst()
        .map(found -> found.getValue().toString(UTF_8));
  }

  /** Writes a key, whatever it was. */
  public void write(String key, String value) throws EtcdException {
    answer("write " + key, client.getKVClient().put(bytes(key), bytes(value)));
  }

  /** Writes a key that vanishes with a lease. */
  public void write(String key, String value, long lease) throws EtcdException {
    PutOption leased = PutOption.builder().withLeaseId(lease).build();
    answer("write " + key, client.getKVClient().put(bytes(key), bytes(value), leased));
  }

  /**
   * All keys that begin so, in order, with their values.
   *
   * @param limit no more than that are read
   */
  public Map<String, String> list(String prefix, int limit) throws EtcdException {
    GetOption all = GetOption.builder().isPrefix(true).withLimit(limit).build();
    Map<String, String> found = new LinkedHashMap<>();
    answer("list " + prefix, client.getKVClient().get(bytes(prefix), all))
        .getKvs()
        .forEach(each -> found.put(each.getKey().toString(UTF_8), each.getValue().toString(UTF_8)));
    return found;
  }

  /** A lease: what is written with it vanishes when it is not renewed for so long. */
  public long grant(int ttlSeconds) throws EtcdException {
    return answer("grant a lease", client.getLeaseClient().grant(ttlSeconds)).getID();
  }

  /**
   * Renews a lease.
   *
   * @return false if it has run out before
   */
  public boolean renew(long lease) throws EtcdException {
    return answer("renew a lease", client.getLeaseClient().keepAliveOnce(lease)).getTTL() > 0;
  }

  /** Ends a lease; what was written with it vanishes. */
  public void revoke(long lease) throws EtcdException {
    answer("end a lease", client.getLeaseClient().revoke(lease));
  }

  private <T> T answer(String what, CompletableFuture<T> question) throws EtcdException {
    try {
      return question.get(answerTimeoutMillis + SPARE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new EtcdException(failure(what, e), e);
    } catch (TimeoutException e) {
      question.cancel(true);
      throw new EtcdException(silence(what), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EtcdException(
          "%s was asked to %s, and nobody waits for it".formatted(address, what), e);
    }
  }

  private String failure(String what, ExecutionException e) {
    Status status = Status.fromThrowable(e);
    if (status.getCode() == Status.Code.DEADLINE_EXCEEDED) {
      return silence(what);
    }
    Throwable cause = status.getCause();
    String detail = status.getDescription();
    return "%s was asked to %s: %s%s"
        .formatted(
            address,
            what,
            detail == null ? status.getCode() : detail.lines().findFirst().orElse(""),
            cause == null || cause.getMessage() == null
                ? ""
                : " (%s)".formatted(cause.getMessage().lines().findFirst().orElse("")));
  }

  private String silence(String what) {
    return "%s was asked to %s and has not answered within %,d ms"
        .formatted(address, what, answerTimeoutMillis);
  }

  private static ByteSequence bytes(String text) {
    return ByteSequence.from(text, UTF_8);
  }

  /** Ends every question that is under way and closes every connection. */
  @Override
  public void close() {
    client.close();
  }
}
