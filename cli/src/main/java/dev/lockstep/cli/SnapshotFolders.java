package dev.lockstep.cli;

import dev.lockstep.cli.control.SnapshotStore;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;

/** The snapshots of {@code run --snapshot-to}, for the control port. */
class SnapshotFolders implements SnapshotStore {
  /** In the order of time, and a name on any file system. */
  private static final DateTimeFormatter SERIES_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH-mm-ss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);

  private static final Pattern SERIES_NAME =
      Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\dZ(-\\d+)?");

  @Override
  public void make(Path folder) {
    new MachineFolder(folder).make();
  }

  @Override
  public SnapshotInfo write(Path folder, Machine machine, MachineConfig config)
      throws InterruptedException {
    MachineFolder into = new MachineFolder(folder);
    try {
      SnapshotInfo info = machine.snapshot(into.state()).get();
      into.keep(config);
      return info;
    } catch (ExecutionException e) {
      throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
    }
  }

  @Override
  public void discard(Path folder, MachineConfig config) {
    new MachineFolder(folder).discard(config);
  }

  @Override
  public Path nextOf(Path series) {
    String time = SERIES_TIME.format(Instant.now());
    Path next = series.resolve(time);
    for (int number = 2; Files.exists(next); number++) {
      next = series.resolve("%s-%d".formatted(time, number));
    }
    return next;
  }

  @Override
  public void retain(Path series, String vm, int keep) {
    List<KeptMachine> ofSeries =
        KeptMachine.in(series).stream()
            .filter(each ->
                each.kind() == KeptMachine.Kind.SNAPSHOT
                    && each.vm().equals(vm)
                    && SERIES_NAME.matcher(String.valueOf(each.folder().getFileName())).matches())
            .toList();
    RetentionRule.newest(keep).superfluous(ofSeries, Instant.now()).forEach(KeptMachine::remove);
  }

  @Override
  public MachineConfig config(Path folder, Purpose purpose) {
    MachineFolder from = new MachineFolder(folder);
    MachineConfigBuilder builder = MachineConfig.builder();
    from.read(builder);
    if (!from.hasState()) {
      throw new VmmException(
          "there is no snapshot in '%s', but a machine at its start".formatted(folder),
          "Name a folder that a snapshot was written to.");
    }
    return builder.build(purpose);
  }

  @Override
  public MachineConfig copyDisks(MachineConfig config, Path into) {
    MachineFolder copies = new MachineFolder(into);
    copies.make();
    return copies.keep(config);
  }

  @Override
  public Path state(Path folder) {
    return new MachineFolder(folder).state();
  }
}
