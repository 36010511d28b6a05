package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** A source that says something else of its machine. */
record OtherFacts(MachineSource source) implements MachineSource {
  @Override
  public String vmName() {
    return source.vmName();
  }

  @Override
  public SortedMap<String, String> facts() {
    TreeMap<String, String> facts = new TreeMap<>(source.facts());
    facts.put("memory_mib", "17");
    return facts;
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
