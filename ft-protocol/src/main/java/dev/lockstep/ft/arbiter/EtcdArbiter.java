package dev.lockstep.ft.arbiter;

import dev.lockstep.ft.core.DecisionName;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdSession;
import java.util.Optional;

/**
 * An arbiter in an etcd cluster, for pairs on any number of hosts.
 *
 * <p>A name is a key, {@code PREFIX/decisions/VM/INCARNATION/EPOCH}. A claim is one transaction: put if the key's version is 0, else get. It has no lease: a decision is for ever. When the
 * transaction's outcome is not known (no answer, a connection that broke, a leader that changed) the key is read again over a new connection, linearizably; while it is absent, or cannot be read,
 * nothing is known, and the caller asks again. A claim that etcd carries out late cannot make a second winner, since it is the same transaction with the same value.
 */
public final class EtcdArbiter implements Arbiter {
  /** A process publishes when it starts: it is not warm yet, and a cluster may just be choosing its leader. */
  private static final int PUBLISH_ATTEMPTS = 5;

  private final EtcdCluster cluster;

  public EtcdArbiter(EtcdCluster cluster) {
    this.cluster = cluster;
  }

  @Override
  public ReplicaInstance claim(DecisionName name, ReplicaInstance claimant)
      throws ArbiterUnavailableException {
    String key = key(name);
    String value;
    try {
      value = create(key, DecisionText.of(claimant));
    } catch (EtcdException e) {
      value = readAgain(key, e);
    }
    Optional<ReplicaInstance> winner = DecisionText.parse(value);
    return winner.orElseThrow(() ->
        new ArbiterUnavailableException(
            "the key '%s' in %s holds no decision; whoever wrote it was not Lockstep"
                .formatted(key, cluster.address()),
            null));
  }

  private String create(String key, String value) throws EtcdException {
    try (EtcdSession session = cluster.open()) {
      return session.createIfAbsent(key, value);
    }
  }

  private String readAgain(String key, EtcdException unknown) throws ArbiterUnavailableException {
    try (EtcdSession session = cluster.open()) {
      Optional<String> present = session.read(key);
      return present.orElseThrow(() -> unavailable(unknown));
    } catch (EtcdException e) {
      e.addSuppressed(unknown);
      throw unavailable(e);
    }
  }

  @Override
  public void publish(String key, long nonce) throws ArbiterUnavailableException {
    for (int attempt = 1; ; attempt++) {
      try (EtcdSession session = cluster.open()) {
        session.write(joinKey(key), DecisionText.of(nonce));
        return;
      } catch (EtcdException e) {
        if (attempt == PUBLISH_ATTEMPTS) {
          throw unavailable(e);
        }
      }
    }
  }

  @Override
  public boolean shows(String key, long nonce) throws ArbiterUnavailableException {
    try (EtcdSession session = cluster.open()) {
      return session.read(joinKey(key)).filter(DecisionText.of(nonce)::equals).isPresent();
    } catch (EtcdException e) {
      throw unavailable(e);
    }
  }

  @Override
  public String describe() {
    return cluster.address().toString();
  }

  private String key(DecisionName name) {
    return cluster.key(
        "decisions/%s/%016x/%d"
            .formatted(
                DecisionText.encode(name.vm().name()), name.vm().incarnation(), name.epoch()));
  }

  private String joinKey(String key) {
    return cluster.key("joins/" + DecisionText.encode(key));
  }

  private static ArbiterUnavailableException unavailable(EtcdException e) {
    return new ArbiterUnavailableException(String.valueOf(e.getMessage()), e);
  }
}
