package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.EtcdArbiter;
import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How etcd is reached. */
final class EtcdOptions {
  /** For commands that ask once and end, from a virtual machine that is not warm. */
  static final int PATIENT_MILLIS = 10_000;

  @Option(
      names = "--etcd-tls",
      paramLabel = "FOLDER",
      description =
          "Speaks TLS with etcd: ca.pem of this folder is the authority of etcd's certificate, cert.pem and key.pem are shown to it (default: in the clear).")
  private @Nullable Path tls;

  /**
   * An arbiter by its text: {@code etcd://…}, or a folder that both replicas share.
   *
   * @throws VmmException if it cannot be used
   */
  Arbiter arbiter(String option, String text) {
    return EtcdAddress.isMeant(text)
        ? new EtcdArbiter(cluster(option, text, EtcdCluster.ANSWER_TIMEOUT_MILLIS))
        : new SharedPathArbiter(Path.of(text).toAbsolutePath());
  }

  /**
   * The cluster that an option names.
   *
   * @param answerTimeoutMillis a question that is not answered by then has failed
   * @throws VmmException if it is no address of etcd, or the files for TLS cannot be used
   */
  EtcdCluster cluster(String option, String address, int answerTimeoutMillis) {
    try {
      return new EtcdCluster(
          EtcdAddress.parse(address),
          answerTimeoutMillis,
          tls == null ? null : TlsIdentity.load(TlsFiles.in(tls)));
    } catch (VmmException e) {
      throw new StatusException(
          ExitStatus.USAGE, new VmmException(option + " " + e.getMessage(), e.advice(), e));
    }
  }
}
