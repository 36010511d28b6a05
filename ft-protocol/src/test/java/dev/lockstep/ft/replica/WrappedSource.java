package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;

/** A source that is as another one but for what a test changes. */
abstract class WrappedSource implements MachineSource {
  private final MachineSource source;

  WrappedSource(MachineSource source) {
    this.source = source;
  }

  @Override
  public String vmName() {
    return source.vmName();
  }

  @Override
  public SortedMap<String, String> facts() {
    return source.facts();
  }

  @Override
  public Machine create() {
    return source.create();
  }

  @Override
  public Machine restore(CheckpointReader checkpoint) throws IOException {
    return source.restore(checkpoint);
  }

  @Override
  public List<Path> writableImages() {
    return source.writableImages();
  }

  @Override
  public boolean forceDisks() {
    return source.forceDisks();
  }
}
