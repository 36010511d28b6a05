package dev.lockstep.ft.replica;

import java.util.SortedMap;
import java.util.TreeMap;

/** A source that says something else of its machine. */
final class OtherFacts extends WrappedSource {
  OtherFacts(MachineSource source) {
    super(source);
  }

  @Override
  public SortedMap<String, String> facts() {
    TreeMap<String, String> facts = new TreeMap<>(super.facts());
    facts.put("memory_mib", "17");
    return facts;
  }
}
