package dev.lockstep.vmm.profile;

import dev.lockstep.softcpu.ExecutionProfile;
import dev.lockstep.softcpu.WorkKind;
import dev.lockstep.vmm.machine.ExitCounts;
import dev.lockstep.vmm.machine.ExitKind;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A profile that was taken: tables for people, one object for programs. */
public final class RunProfile {
  /** How many of the hottest blocks are told together. */
  private static final int[] HOTTEST = {100, 300, 1000, 3000};

  /** Blocks that ran fewer times than that are told together. */
  private static final int[] COLDER = {2, 10, 100};

  private static final int METHODS = 15;
  private static final int BLOCKS = 10;

  private final ExecutionProfile executed;
  private final ExitCounts exits;
  private final Map<CpuTimes.Group, Double> times;
  private final StackSamples.Seen samples;

  RunProfile(
      ExecutionProfile executed,
      ExitCounts exits,
      Map<CpuTimes.Group, Double> times,
      StackSamples.Seen samples) {
    this.executed = executed;
    this.exits = exits;
    this.times = times;
    this.samples = samples;
  }

  private double share(long instructions) {
    return 100.0 * instructions / Math.max(1, executed.instructions());
  }

  private long inBlocks() {
    return executed.hottest(Integer.MAX_VALUE) + executed.beyond();
  }

  private static long executedBy(List<ExecutionProfile.BlockCount> blocks) {
    return blocks.stream().mapToLong(ExecutionProfile.BlockCount::executed).sum();
  }

  private static long decodedAgain(ExecutionProfile executed) {
    return executed.blocks().stream().mapToLong(block -> Math.max(0, block.decoded() - 1)).sum();
  }

  private double processSeconds() {
    return times.values().stream().mapToDouble(it -> it).sum();
  }

  private static String word(ExitKind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  // ---------------------------------------------------------------- tables

  /** Prints the tables. */
  public void print(PrintStream to) {
    cpuTime(to);
    sampled(to);
    instructions(to);
    blocks(to);
    addresses(to);
    counted(to);
  }

  private static void heading(PrintStream to, String heading) {
    to.printf("%n%s%n", heading);
  }

  private static void row(PrintStream to, String name, String value, String share) {
    to.printf("  %-36s %16s %8s%n", name, value, share);
  }

  private static String percent(double share) {
    return "%.1f %%".formatted(share);
  }

  private void cpuTime(PrintStream to) {
    heading(to, "CPU time of the process, s");
    double whole = processSeconds();
    times.forEach((group, seconds) -> {
      if (seconds > 0) {
        row(to, group.label(), "%.2f".formatted(seconds), percent(100 * seconds / whole));
      }
    });
    row(to, "all", "%.2f".formatted(whole), "");
  }

  private void sampled(PrintStream to) {
    heading(to, "The vCPU's thread, by %,d samples; s of its CPU time".formatted(samples.total()));
    double vcpu = times.getOrDefault(CpuTimes.Group.VCPU, 0.0);
    samples
        .kinds()
        .forEach((kind, count) -> {
          double share = (double) count / samples.total();
          row(to, label(kind), "%.2f".formatted(share * vcpu), percent(100 * share));
        });
    row(
        to,
        "all of it: not yet compiled by HotSpot",
        "%.2f".formatted(vcpu * samples.uncompiled() / Math.max(1, samples.total())),
        percent(100.0 * samples.uncompiled() / Math.max(1, samples.total())));
    heading(to, "Its methods");
    samples.methods().entrySet().stream()
        .limit(METHODS)
        .forEach(entry ->
            row(to, entry.getKey(), "", percent(100.0 * entry.getValue() / samples.total())));
  }

  private static String label(String kind) {
    return switch (kind) {
      case StackSamples.LOG -> "the event log";
      case StackSamples.DEVICES -> "devices, the machine's loop";
      case StackSamples.OTHER -> "none of ours";
      default -> WorkKind.valueOf(kind.toUpperCase(Locale.ROOT)).label();
    };
  }

  private void instructions(PrintStream to) {
    heading(to, "Instructions executed");
    row(to, "all", "%,d".formatted(executed.instructions()), "");
    row(to, "in blocks", "%,d".formatted(inBlocks()), percent(share(inBlocks())));
    row(to, "one at a time", "%,d".formatted(executed.alone()), percent(share(executed.alone())));
    row(
        to,
        "in translated regions",
        "%,d".formatted(executed.translated()),
        percent(share(executed.translated())));
  }

  private void blocks(PrintStream to) {
    heading(to, "Blocks, and their share of the instructions");
    row(to, "decoded", "%,d".formatted(executed.counts().blocks()), "");
    row(to, "instructions decoded", "%,d".formatted(executed.decodedInstructions()), "");
    row(to, "executed, told by where they begin", "%,d".formatted(executed.blocks().size()), "");
    row(to, "decoded again", "%,d".formatted(decodedAgain(executed)), "");
    row(to, "dropped as their bytes changed", "%,d".formatted(executed.invalidatedBlocks()), "");
    for (int number : HOTTEST) {
      row(
          to,
          "the hottest so many",
          "%,d".formatted(number),
          percent(share(executed.hottest(number))));
    }
    for (int runs : COLDER) {
      List<ExecutionProfile.BlockCount> cold = executed.colderThan(runs);
      row(
          to,
          "executed fewer than %,d times".formatted(runs),
          "%,d".formatted(cold.size()),
          "%.2f %%".formatted(share(executedBy(cold))));
    }
    row(to, "translated regions", "%,d".formatted(executed.counts().regions()), "");
    row(to, "entries into them", "%,d".formatted(executed.counts().entries()), "");
    heading(to, "The hottest blocks: address, executions, instructions of each");
    executed.blocks().stream()
        .limit(BLOCKS)
        .forEach(block ->
            row(
                to,
                "%#x (%d)".formatted(block.rip(), block.instructions()),
                "%,d".formatted(block.runs()),
                percent(share(block.executed()))));
  }

  private void addresses(PrintStream to) {
    heading(to, "Page walks that fill the TLB, and their number in a thousand instructions");
    perThousand(to, "for loads and stores", executed.dataWalks());
    perThousand(to, "for fetches", executed.fetchWalks());
    row(to, "flushes (CR3, INVLPG)", "%,d".formatted(executed.flushes()), "");
  }

  private void perThousand(PrintStream to, String name, long count) {
    double rate = 1000.0 * count / Math.max(1, executed.instructions());
    row(to, name, "%,d".formatted(count), "%.3f".formatted(rate));
  }

  private void counted(PrintStream to) {
    heading(to, "Exits");
    for (ExitKind kind : ExitKind.values()) {
      if (exits.of(kind) > 0) {
        row(to, word(kind).replace('_', ' '), "%,d".formatted(exits.of(kind)), "");
      }
    }
    heading(to, "Exceptions that instructions raised, by vector");
    for (int vector = 0; vector < executed.exceptions().size(); vector++) {
      long raised = executed.exceptions().get(vector);
      if (raised > 0) {
        row(to, Integer.toString(vector), "%,d".formatted(raised), "");
      }
    }
  }

  // ---------------------------------------------------------------- JSON

  /** The same for programs: names in snake case, shares left to them. */
  public Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    Map<String, Object> cpu = new LinkedHashMap<>();
    times.forEach((group, seconds) -> cpu.put(group.name().toLowerCase(Locale.ROOT), seconds));
    values.put("cpu_seconds", cpu);
    values.put("samples", samples.total());
    values.put("samples_uncompiled", samples.uncompiled());
    values.put("samples_by_kind", samples.kinds());
    values.put("samples_by_method", samples.methods());
    values.put("instructions", executed.instructions());
    values.put("instructions_in_blocks", inBlocks());
    values.put("instructions_alone", executed.alone());
    values.put("instructions_translated", executed.translated());
    values.put("blocks_decoded", executed.counts().blocks());
    values.put("instructions_decoded", executed.decodedInstructions());
    values.put("blocks_executed", executed.blocks().size());
    values.put("blocks_decoded_again", decodedAgain(executed));
    values.put("blocks_invalidated", executed.invalidatedBlocks());
    Map<String, Object> hottest = new LinkedHashMap<>();
    for (int number : HOTTEST) {
      hottest.put(Integer.toString(number), executed.hottest(number));
    }
    values.put("instructions_of_hottest", hottest);
    values.put("colder_than", cold());
    values.put("hottest_blocks", hottestBlocks());
    values.put("regions", executed.counts().regions());
    values.put("region_entries", executed.counts().entries());
    values.put("data_walks", executed.dataWalks());
    values.put("fetch_walks", executed.fetchWalks());
    values.put("tlb_flushes", executed.flushes());
    Map<String, Object> left = new LinkedHashMap<>();
    for (ExitKind kind : ExitKind.values()) {
      left.put(word(kind), exits.of(kind));
    }
    values.put("exits", left);
    values.put("exceptions", executed.exceptions());
    return values;
  }

  private List<Map<String, Object>> cold() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (int runs : COLDER) {
      List<ExecutionProfile.BlockCount> cold = executed.colderThan(runs);
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("runs", runs);
      row.put("blocks", cold.size());
      row.put("instructions", executedBy(cold));
      rows.add(row);
    }
    return rows;
  }

  private List<Map<String, Object>> hottestBlocks() {
    List<Map<String, Object>> rows = new ArrayList<>();
    executed.blocks().stream()
        .limit(BLOCKS)
        .forEach(block -> {
          Map<String, Object> row = new LinkedHashMap<>();
          row.put("rip", "%016x".formatted(block.rip()));
          row.put("length", block.instructions());
          row.put("runs", block.runs());
          row.put("instructions", block.executed());
          rows.add(row);
        });
    return rows;
  }
}
