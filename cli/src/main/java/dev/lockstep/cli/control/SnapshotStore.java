package dev.lockstep.cli.control;

import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.Purpose;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Snapshots as the commands have them: a folder with configuration, state and copies of disks. */
public interface SnapshotStore {
  /**
   * Makes a snapshot's folder.
   *
   * @throws dev.lockstep.engine.VmmException if it cannot be made, or has a machine in it
   */
  void make(Path folder);

  /**
   * Writes a snapshot of a machine that stands still.
   *
   * @throws dev.lockstep.engine.VmmException if it cannot be written
   */
  SnapshotInfo write(Path folder, Machine machine, MachineConfig config)
      throws InterruptedException;

  /**
   * As {@link #write}, and leaves nothing of one that failed.
   *
   * @param began {@link System#nanoTime} when the machine was told to stand
   * @param check throws if what was written is of no use
   * @return what is told of it, but for who took it
   */
  default SnapshotVmResponse.Builder take(
      Path folder, Machine machine, MachineConfig config, long began, Runnable check)
      throws InterruptedException {
    // What somebody else keeps there is not ours to remove.
    boolean ours = isEmpty(folder);
    boolean whole = false;
    try {
      SnapshotInfo info = write(folder, machine, config);
      long pauseNanos = System.nanoTime() - began;
      check.run();
      whole = true;
      return SnapshotVmResponse.newBuilder()
          .setFolder(folder.toString())
          .setStateBytes(info.bytes())
          .setNextEntry(info.sequence())
          .setVirtualNanos(info.virtualNanos())
          .setPauseNanos(pauseNanos);
    } finally {
      if (!whole && ours) {
        discard(folder, config);
      }
    }
  }

  /** Takes one snapshot into a folder of its own. */
  @FunctionalInterface
  interface Taking {
    SnapshotVmResponse into(Path folder) throws InterruptedException;
  }

  /**
   * Takes a snapshot into a new folder, or as the next of a series.
   *
   * @param folder of the snapshot, or of the series
   * @param keep how many of the series are kept; 0: it is no series
   * @throws dev.lockstep.engine.VmmException if the snapshot or the series cannot be written; a snapshot that is whole is told before any is removed
   */
  default SnapshotVmResponse inSeries(String vm, Path folder, int keep, Taking taking)
      throws InterruptedException {
    if (keep == 0) {
      return taking.into(folder);
    }
    SnapshotVmResponse taken = taking.into(nextOf(folder));
    retain(folder, vm, keep);
    return taken;
  }

  /** The folder of the next snapshot of a series; not made yet. */
  Path nextOf(Path series);

  /** Keeps only so many of a VM's newest in a series. */
  void retain(Path series, String vm, int keep);

  private static boolean isEmpty(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.findAny().isEmpty();
    } catch (IOException e) {
      return false;
    }
  }

  /** Removes a snapshot that is of no use, as far as it is there, from a folder that was empty before. */
  void discard(Path folder, MachineConfig config);

  /**
   * A snapshot's configuration, with its own disks.
   *
   * @param purpose of the machine that goes on from it
   * @throws dev.lockstep.engine.VmmException if there is none in the folder
   */
  MachineConfig config(Path folder, Purpose purpose);

  /**
   * A snapshot's disks, copied.
   *
   * @param config as {@link #config} gave it
   * @param into a new folder
   * @return the configuration with the copies
   * @throws dev.lockstep.engine.VmmException if they cannot be copied
   */
  MachineConfig copyDisks(MachineConfig config, Path into);

  /** Where a snapshot's folder has the machine's state. */
  Path state(Path folder);
}
