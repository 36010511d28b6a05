package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Limits;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.core.Timing;
import dev.lockstep.ft.net.TransportLimits;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.ProtocolVersions;
import dev.lockstep.vmm.config.ReplicationConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Makes up {@link ReplicaSettings}. What nobody says is as the pair's rules have it; the replica listens on any port of loopback, knows no peer, waits for a backup, and speaks in the clear. */
public final class ReplicaSettingsBuilder {
  private final String name;
  private final Path workFolder;
  private final int maxPauseMillis;
  private final Timing timing;
  private final Limits limits;
  private String programVersion = "unknown";
  private InetSocketAddress listen = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  private @Nullable InetSocketAddress peer;
  private StartPolicy startPolicy = StartPolicy.WAIT_FOR_BACKUP;
  private OutputCommit commit;
  private @Nullable TlsIdentity tls;
  private ProtocolVersions protocol = ProtocolVersions.SPOKEN;
  private @Nullable FreeRunning freeRunning;

  ReplicaSettingsBuilder(String name, Path workFolder, ReplicationConfig pair) {
    this.name = name;
    this.workFolder = workFolder;
    this.maxPauseMillis = pair.maxPauseMillis();
    this.timing = ReplicaSettings.timing(pair);
    this.limits = ReplicaSettings.limits(pair);
    this.commit = ReplicaSettings.commit(pair);
    this.freeRunning = ReplicaSettings.freeRunning(pair);
  }

  /** For messages to people. */
  public ReplicaSettingsBuilder programVersion(String version) {
    programVersion = version;
    return this;
  }

  /** Where it listens; port 0 for any free one. */
  public ReplicaSettingsBuilder listen(InetSocketAddress address) {
    listen = address;
    return this;
  }

  /** Where the other replica listens; null for a backup that waits to be invited. */
  public ReplicaSettingsBuilder peer(@Nullable InetSocketAddress address) {
    peer = address;
    return this;
  }

  /** What a primary does at power-on. */
  public ReplicaSettingsBuilder startPolicy(StartPolicy policy) {
    startPolicy = policy;
    return this;
  }

  /** When outputs leave, whatever the pair's rules say. */
  public ReplicaSettingsBuilder commit(OutputCommit rule) {
    commit = rule;
    return this;
  }

  /** Null for connections in the clear. */
  public ReplicaSettingsBuilder tls(@Nullable TlsIdentity identity) {
    tls = identity;
    return this;
  }

  /** Fewer versions of the protocol than this program speaks. */
  public ReplicaSettingsBuilder protocol(ProtocolVersions versions) {
    protocol = versions;
    return this;
  }

  /** How the pair follows, whatever its rules say; null for exactly. */
  public ReplicaSettingsBuilder freeRunning(@Nullable FreeRunning how) {
    freeRunning = how;
    return this;
  }

  /**
   * The settings.
   *
   * @throws IllegalArgumentException if they do not fit each other
   */
  public ReplicaSettings build() {
    return new ReplicaSettings(
        name,
        programVersion,
        listen,
        peer,
        startPolicy,
        commit,
        maxPauseMillis,
        workFolder,
        timing,
        limits,
        TransportLimits.defaults(),
        tls,
        protocol,
        freeRunning);
  }
}
