package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.DebuggableVcpu.Watchpoint;
import dev.lockstep.vmm.disk.RewindableDisk;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** However a cursor comes to a position, the guest's state there is that of the plain replay. */
class ReplayCursorTest {
  private static final int TICKS = 20;

  /** The descriptor of the timer's interrupt gate; its handler is in the guest's code, from 1 MiB on. */
  private static final long TIMER_GATE = 0x1000 + 16 * 0x20;

  private static final int STI = 0xfb;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  private Path record(int inputs) throws Exception {
    System.out.println("ReplayCursorTest seed " + seed);
    Path log = folder.resolve("log");
    try (Machine machine = Machines.create(Machines.spec(Pacing.FREE), guest())) {
      machine.start(new FileLogSink(log), new DirectGate(new Machines.Console()), 1);
      for (int i = 0; i < inputs && !machine.ended().isDone(); i++) {
        byte[] typed = {(byte) ('0' + random.nextInt(10))};
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
        Thread.sleep(0, random.nextInt(900_000));
      }
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.GUEST_EXIT);
    }
    return log;
  }

  private static GuestLoader guest() {
    return Guests.clockworkUntil(TICKS);
  }

  /** Every position of the whole replay, single steps only. */
  private static List<Position> walk(ReplayCursor cursor) {
    List<Position> all = new ArrayList<>();
    do {
      all.add(cursor.position());
    } while (cursor.step());
    assertThat(cursor.end()).contains("GUEST_EXIT");
    return all;
  }

  @Test
  void everyWayToAPositionComesToTheSameState() throws Exception {
    Path log = record(30);
    try (Machine machine = Machines.create(Machines.spec(Pacing.FREE), guest());
        ReplayCursor cursor = machine.navigate(from -> new FileLogSource(log, from))) {
      ReplayCursor.Saved start = cursor.save();
      List<Position> all = walk(cursor);
      System.out.printf("%,d positions%n", all.size());
      for (int i = 1; i < all.size(); i++) {
        assertThat(all.get(i).steps()).isGreaterThan(all.get(i - 1).steps());
      }
      cursor.restore(start);
      // The digests by steps, at random positions.
      Map<Integer, MachineDigest> digests = new TreeMap<>();
      for (int i = 0; i < 200; i++) {
        digests.put(random.nextInt(all.size()), new MachineDigest(0, 0, 0, List.of()));
      }
      List<ReplayCursor.Saved> saved = new ArrayList<>();
      int at = 0;
      for (int target : List.copyOf(digests.keySet())) {
        for (; at < target; at++) {
          assertThat(cursor.step()).isTrue();
        }
        digests.put(target, cursor.digest());
        if (random.nextInt(4) == 0) {
          saved.add(cursor.save());
        }
      }
      List<Integer> targets = new ArrayList<>(digests.keySet());
      for (int move = 0; move < 300; move++) {
        int target = targets.get(random.nextInt(targets.size()));
        Position position = all.get(target);
        ReplayCursor.Saved from = start;
        for (ReplayCursor.Saved each : saved) {
          if (each.position().steps() <= position.steps() && random.nextBoolean()) {
            from = each;
          }
        }
        cursor.restore(from);
        int near = random.nextInt(20);
        cursor.run(position.count() - near);
        while (cursor.steps() < position.steps()) {
          cursor.step();
        }
        assertThat(cursor.position()).as("seed %d", seed).isEqualTo(position);
        assertThat(cursor.digest())
            .as("seed %d, %s", seed, position)
            .isEqualTo(digests.get(target));
      }
      assertThat(cursor.run(Long.MAX_VALUE)).isEqualTo(ReplayCursor.Stop.END);
      // The end's digest was compared with the recording's.
      assertThat(cursor.end()).contains("GUEST_EXIT");
    }
  }

  @Test
  void breakpointsAndWatchpointsStopWhereSteppingFindsThem() throws Exception {
    Path log = record(10);
    try (Machine machine = Machines.create(Machines.spec(Pacing.FREE), guest());
        ReplayCursor cursor = machine.navigate(from -> new FileLogSource(log, from))) {
      ReplayCursor.Saved start = cursor.save();
      List<Position> all = walk(cursor);
      long[] addresses = new long[3];
      for (int i = 0; i < addresses.length; i++) {
        addresses[i] = all.get(random.nextInt(all.size())).point().rip();
      }
      addresses[0] = behindShadow(cursor, all);
      cursor.restore(start);
      cursor.stopBefore(addresses);
      List<Position> expected = new ArrayList<>();
      for (Position each : all.subList(1, all.size())) {
        for (long address : addresses) {
          if (each.point().rip() == address) {
            expected.add(each);
            break;
          }
        }
      }
      assertThat(hits(cursor, ReplayCursor.Stop.BREAKPOINT))
          .as("seed %d", seed)
          .isEqualTo(expected);
      cursor.stopBefore(new long[0]);
      for (boolean writes : new boolean[] {true, false}) {
        cursor.watch(List.of(new Watchpoint(Guests.TICKS, 4, !writes, writes)));
        cursor.restore(start);
        List<Position> stepped = new ArrayList<>();
        while (cursor.step()) {
          if (cursor.watched() != null) {
            stepped.add(cursor.position());
          }
        }
        assertThat(stepped).hasSize(TICKS);
        cursor.restore(start);
        assertThat(hits(cursor, ReplayCursor.Stop.WATCHPOINT)).isEqualTo(stepped);
      }
    }
  }

  /** The address of an instruction in front of which an interrupt came that had waited for STI, and for the instruction behind it. */
  private static long behindShadow(ReplayCursor cursor, List<Position> all) {
    long handler = cursor.memory().read16(TIMER_GATE) | 0x10_0000;
    for (int i = 2; i + 1 < all.size(); i++) {
      boolean delivered = all.get(i + 1).point().rip() == handler;
      if (delivered && cursor.memory().read8(all.get(i - 2).point().rip()) == STI) {
        return all.get(i).point().rip();
      }
    }
    throw new AssertionError("no interrupt had to wait");
  }

  private static List<Position> hits(ReplayCursor cursor, ReplayCursor.Stop wanted) {
    List<Position> hits = new ArrayList<>();
    ReplayCursor.Stop stop = cursor.run(Long.MAX_VALUE);
    while (stop != ReplayCursor.Stop.END) {
      assertThat(stop).isEqualTo(wanted);
      hits.add(cursor.position());
      stop = cursor.run(Long.MAX_VALUE);
    }
    return hits;
  }

  @Test
  void disksAreSetBackToo() throws Exception {
    Path image = Machines.image(folder.resolve("disk"), random);
    Path log = folder.resolve("log");
    try (Machine machine = Machines.withDisk(Machines.spec(Pacing.FREE), image)) {
      machine.start(new FileLogSink(log), new DirectGate(new Machines.Console()), 1);
      while (machine.status().branchCount() < 300_000) {
        Thread.sleep(1);
      }
      machine.inject(
          new MachineInput.ConsoleBytes(
              DeviceIndexes.UART0, "q".getBytes(StandardCharsets.US_ASCII)));
      Machines.await(machine);
    }
    System.out.println("ReplayCursorTest seed " + seed);
    Path original = folder.resolve("original");
    random.setSeed(seed);
    Machines.image(original, random);
    MachineDisk disk = Machines.disk(original);
    try (Machine machine =
            Machines.FACTORY.create(
                Machines.spec(Pacing.FREE),
                List.of(new MachineDisk(disk.name(), new RewindableDisk(disk.store()))),
                DiskGuest.create());
        ReplayCursor cursor = machine.navigate(from -> new FileLogSource(log, from))) {
      List<ReplayCursor.Saved> saved = new ArrayList<>();
      List<MachineDigest> digests = new ArrayList<>();
      while (cursor.end() == null) {
        saved.add(cursor.save());
        digests.add(cursor.digest());
        cursor.run(cursor.count() + 20_000 + random.nextInt(20_000));
      }
      System.out.printf("%d checkpoints%n", saved.size());
      for (int i = 0; i < 20; i++) {
        int from = random.nextInt(saved.size());
        cursor.restore(saved.get(from));
        assertThat(cursor.digest()).isEqualTo(digests.get(from));
        // Compares every digest on the way, and the disks' at the end.
        assertThat(cursor.run(Long.MAX_VALUE)).isEqualTo(ReplayCursor.Stop.END);
        assertThat(cursor.end()).as("seed %d", seed).contains("recording ends");
      }
    }
  }
}
