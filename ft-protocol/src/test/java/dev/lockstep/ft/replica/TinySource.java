package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineDisk;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Machines with a tiny guest, and perhaps a disk. */
final class TinySource implements MachineSource {
  /** Its name. */
  static final String VM = "tiny";

  private final MachineFactory factory;
  private final MachineSpec spec;
  private final GuestLoader guest;
  private final List<Path> images;
  private final List<Machine> machines = new CopyOnWriteArrayList<>();

  TinySource(GuestLoader guest, Path... images) {
    this(Machines.FACTORY, guest, images);
  }

  /** On another engine. */
  TinySource(MachineFactory factory, GuestLoader guest, Path... images) {
    this(factory, Machines.spec(MachineSpec.Pacing.HOST), guest, images);
  }

  /** On another engine, and of another kind. */
  TinySource(MachineFactory factory, MachineSpec spec, GuestLoader guest, Path... images) {
    this.factory = factory;
    this.spec = spec;
    this.guest = guest;
    this.images = List.of(images);
  }

  @Override
  public String vmName() {
    return VM;
  }

  @Override
  public SortedMap<String, String> facts() {
    return new TreeMap<>(spec.facts());
  }

  @Override
  public Machine create() {
    return made(factory.create(spec, disks(), guest));
  }

  @Override
  public Machine restore(CheckpointReader checkpoint) throws IOException {
    return made(factory.restore(spec, disks(), checkpoint));
  }

  private Machine made(Machine machine) {
    machines.add(machine);
    return machine;
  }

  /** The last machine that was made here. */
  Machine machine() {
    return machines.getLast();
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
