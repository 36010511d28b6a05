package dev.lockstep.cli.dashboard;

import dev.lockstep.ft.console.ConsoleHistory;
import java.util.Map;
import java.util.WeakHashMap;

/** Tells a VM's runs apart: offsets of console bytes count from power-on, so they mean nothing in another run. Safe for use by several threads. */
final class ConsoleRuns {
  /** Of this process, so that no page takes a later process's runs for an earlier one's. */
  private final String process = Admission.random(6);

  private final Map<ConsoleHistory, Integer> known = new WeakHashMap<>();
  private int last;

  /** A name of the run whose console it is. */
  synchronized String name(ConsoleHistory console) {
    return process + "-" + known.computeIfAbsent(console, it -> ++last);
  }
}
