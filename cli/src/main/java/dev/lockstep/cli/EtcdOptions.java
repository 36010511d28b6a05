package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;

/** How etcd is reached. */
final class EtcdOptions {
  /** For commands that ask once and end, from a virtual machine that is not warm. */
  static final int PATIENT_MILLIS = 10_000;

  private EtcdOptions() {}

  /**
   * The cluster that an option names.
   *
   * @param answerTimeoutMillis a question that is not answered by then has failed
   * @throws VmmException if it is no address of etcd
   */
  static EtcdCluster cluster(String option, String address, int answerTimeoutMillis) {
    try {
      return new EtcdCluster(EtcdAddress.parse(address), answerTimeoutMillis);
    } catch (VmmException e) {
      throw new StatusException(
          ExitStatus.USAGE, new VmmException(option + " " + e.getMessage(), e.advice(), e));
    }
  }
}
