package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineDisk;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Machines with a tiny guest, and perhaps a disk. */
final class TinySource implements MachineSource {
  private final MachineSpec spec;
  private final GuestLoader guest;
  private final List<Path> images;

  TinySource(GuestLoader guest, Path... images) {
    this.spec = Machines.spec(MachineSpec.Pacing.HOST);
    this.guest = guest;
    this.images = List.of(images);
  }

  @Override
  public String vmName() {
    return "tiny";
  }

  @Override
  public SortedMap<String, String> facts() {
    return new TreeMap<>(spec.facts());
  }

  @Override
  public Machine create() {
    return Machines.FACTORY.create(spec, disks(), guest);
  }

  @Override
  public Machine restore(CheckpointReader checkpoint) throws IOException {
    return Machines.FACTORY.restore(spec, disks(), checkpoint);
  }

  private List<MachineDisk> disks() {
    return images.stream().map(Machines::disk).toList();
  }

  @Override
  public List<Path> writableImages() {
    return images;
  }

  @Override
  public boolean forceDisks() {
    return false;
  }
}
