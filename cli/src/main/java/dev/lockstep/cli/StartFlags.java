package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.ReplicaOptions.Builder;
import dev.lockstep.ft.control.proto.StartAlone;
import dev.lockstep.ft.control.proto.StartBackup;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.etcd.EtcdAddress;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How {@code lockstep ctl} starts a VM. */
final class StartFlags {
  private static final StartOptions ALONE =
      StartOptions.newBuilder().setAlone(StartAlone.getDefaultInstance()).build();

  @Option(
      names = "--primary",
      description = "As the primary of a pair; the guest waits until a backup is in sync.")
  private boolean primary;

  @Option(
      names = "--unprotected",
      description = "With --primary: run at once, not protected; a backup may join later.")
  private boolean unprotected;

  @Option(
      names = "--backup",
      description = "As a backup: follows a primary, and goes live when it dies.")
  private boolean backup;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      description = "Where the replica listens for the other (default: 127.0.0.1, any free port).")
  private String listen = "";

  @Option(
      names = "--peer",
      paramLabel = "HOST:PORT",
      description = "Where the other replica listens (default: it comes).")
  private String peer = "";

  @Option(
      names = "--arbiter",
      paramLabel = "WHERE",
      description =
          "Where it is decided who goes on alone: a folder that both replicas share, or etcd://HOST:PORT,HOST:PORT[/PREFIX] (default: the configuration's arbiter).")
  private String arbiter = "";

  @Option(
      names = "--replica",
      paramLabel = "NAME",
      description = "The replica's name, unique in the pair (default: its role).")
  private String replica = "";

  @Option(
      names = "--force-disk",
      description = "Use disks even if they are marked as stale, or as another VM's.")
  private boolean forceDisk;

  @Mixin private final PairTuning tuning = new PairTuning();

  /**
   * Makes sure that nothing is asked for.
   *
   * @param option that would be needed, and is not given
   * @throws VmmException if something is
   */
  void requireNone(String option) {
    if (!options().equals(ALONE)) {
      throw usage("how to start it is said, but not " + option, "create");
    }
  }

  /**
   * What is asked for.
   *
   * @throws VmmException if the options do not fit each other
   */
  StartOptions options() {
    if (primary && backup) {
      throw usage("--primary and --backup exclude each other");
    }
    if (unprotected && !primary) {
      throw usage("--unprotected is for --primary");
    }
    StartOptions.Builder options = StartOptions.newBuilder().setForceDisks(forceDisk);
    if (primary) {
      return options.setPrimary(asPrimary()).build();
    }
    if (backup) {
      return options.setBackup(StartBackup.newBuilder().setReplica(replica())).build();
    }
    if (!listen.isEmpty()
        || !peer.isEmpty()
        || !arbiter.isEmpty()
        || !replica.isEmpty()
        || tuning.isGiven()) {
      throw usage(
          "--listen, --peer, --arbiter, --replica and a pair's times are for --primary or --backup");
    }
    return options.setAlone(StartAlone.getDefaultInstance()).build();
  }

  /** The part of a primary. */
  StartPrimary asPrimary() {
    return StartPrimary.newBuilder().setReplica(replica()).setUnprotected(unprotected).build();
  }

  private Builder replica() {
    Builder options =
        dev.lockstep.ft.control.proto.ReplicaOptions.newBuilder()
            .setListen(listen)
            .setPeer(peer)
            .setArbiterPath(
                arbiter.isEmpty() || EtcdAddress.isMeant(arbiter)
                    ? arbiter
                    : Path.of(arbiter).toAbsolutePath().normalize().toString())
            .setName(replica);
    tuning.apply(options);
    return options;
  }

  private static StatusException usage(String what) {
    return usage(what, "start");
  }

  /** A command line whose options do not fit each other. */
  static StatusException usage(String what, String command) {
    return new StatusException(
        ExitStatus.USAGE,
        new VmmException(what, "See 'lockstep ctl %s --help'.".formatted(command)));
  }
}
