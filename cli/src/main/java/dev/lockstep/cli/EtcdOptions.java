package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;

/** How etcd is reached. */
final class EtcdOptions {
  private EtcdOptions() {}

  /**
   * The cluster that an option names.
   *
   * @throws VmmException if it is no address of etcd
   */
  static EtcdCluster cluster(String option, String address) {
    try {
      return new EtcdCluster(EtcdAddress.parse(address));
    } catch (VmmException e) {
      throw new StatusException(
          ExitStatus.USAGE, new VmmException(option + " " + e.getMessage(), e.advice(), e));
    }
  }
}
