package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.disk.DiskDigest;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.DiskIdentity;
import dev.lockstep.vmm.virtio.VirtioBlock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The disks of one machine: for each the device, the thread that does its I/O, and the store. The vCPU's thread, but for
 * the listener.
 */
final class DiskSet implements AutoCloseable {
  private record Disk(MachineDisk disk, VirtioBlock device, DiskBackend backend) {}

  private final List<Disk> disks = new ArrayList<>();
  private volatile Runnable executed = () -> {};

  /**
   * @param machine its name, for the threads' names
   */
  DiskSet(String machine, GuestMemory memory, List<MachineDisk> machineDisks) {
    for (MachineDisk disk : machineDisks) {
      DiskBackend backend =
          new DiskBackend(
              disk.store(),
              "disk-%s-%s".formatted(machine, disk.name()),
              request -> executed.run());
      VirtioBlock device =
          new VirtioBlock(
              disks.size(),
              memory,
              disk.store().sizeBytes(),
              disk.store().readOnly(),
              backend::submit);
      disks.add(new Disk(disk, device, backend));
    }
  }

  /** Who is told that a request was executed, on a disk's thread; must not block. */
  void onExecuted(Runnable listener) {
    executed = listener;
  }

  int count() {
    return disks.size();
  }

  VirtioBlock device(int disk) {
    return disks.get(disk).device();
  }

  /** The store of a disk. */
  BlockStore store(int disk) {
    return disks.get(disk).backend().store();
  }

  /** The threads and stores, in the order of the configuration. */
  List<DiskBackend> backends() {
    return disks.stream().map(Disk::backend).toList();
  }

  /** The first request of a disk that is executed and that the guest waits for, or null. */
  @Nullable DiskRequest firstExecuted(int disk) {
    return device(disk).firstExecuted();
  }

  /** Whether the guest waits for any request. */
  boolean busy() {
    for (int i = 0; i < disks.size(); i++) {
      if (device(i).isBusy()) {
        return true;
      }
    }
    return false;
  }

  /** Waits until every request that was submitted is executed. */
  void drain() {
    for (Disk disk : disks) {
      disk.backend().drain();
    }
  }

  /** After a restore: what the guest waits for is handed to the threads again. */
  void resubmit() {
    for (Disk disk : disks) {
      disk.device().resubmit();
    }
  }

  /** Executes what was submitted and makes it durable. */
  void sync() {
    drain();
    for (Disk disk : disks) {
      if (!disk.disk().store().readOnly()) {
        try {
          disk.disk().store().flush();
        } catch (IOException e) {
          throw failed(disk, "be made durable", e);
        }
      }
    }
  }

  /** The content of each disk now, everything submitted executed. */
  List<DiskIdentity> identities() {
    drain();
    List<DiskIdentity> identities = new ArrayList<>();
    for (Disk disk : disks) {
      try {
        identities.add(
            new DiskIdentity(
                disk.disk().name(),
                disk.disk().store().sizeBytes(),
                DiskDigest.of(disk.disk().store())));
      } catch (IOException e) {
        throw failed(disk, "be read", e);
      }
    }
    return identities;
  }

  /** As {@link #identities}, with 0 for the hash of what is not read. */
  List<DiskIdentity> sizes() {
    return disks.stream()
        .map(disk -> new DiskIdentity(disk.disk().name(), disk.disk().store().sizeBytes(), 0))
        .toList();
  }

  private static VmmException failed(Disk disk, String what, IOException e) {
    return new VmmException(
        "disk '%s' cannot %s: %s".formatted(disk.disk().store().name(), what, e),
        "Check the image and its file system.",
        e);
  }

  /** Ends the threads, then closes the stores. */
  @Override
  public void close() {
    RuntimeException failure = null;
    for (Disk disk : disks) {
      disk.backend().close();
      try {
        disk.disk().store().close();
      } catch (IOException e) {
        failure = failed(disk, "be closed", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
