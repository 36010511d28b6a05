package dev.lockstep.vmm.log;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.net.Frames;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Entries of every kind, at moments that only go forward. */
public final class RandomEntries {
  private final Random random;
  private long count;
  private long rip = 0xffffffff81000000L;
  private long nanos;

  public RandomEntries(long seed) {
    this.random = new Random(seed);
  }

  public List<LogEntry> list(int entries) {
    List<LogEntry> list = new ArrayList<>();
    for (int i = 0; i < entries; i++) {
      list.add(next());
    }
    return list;
  }

  /** Any entry but the end and progress marks. */
  public LogEntry next() {
    Moment at = moment();
    return switch (random.nextInt(9)) {
      case 0 -> new LogEntry.ConsoleInput(at, random.nextInt(3), bytes());
      case 1 -> new LogEntry.DiskCompletion(at, random.nextInt(3), number(), random.nextInt(3));
      case 2 -> new LogEntry.EntropyInput(at, random.nextInt(300), bytes());
      case 3 ->
          new LogEntry.ControlInput(
              at,
              LogEntry.Control.values()[random.nextInt(LogEntry.Control.values().length)],
              random.nextLong());
      case 4 -> new LogEntry.ClockEntry(at, number(), 1 + number());
      case 5 ->
          new LogEntry.OutputEntry(
              at, random.nextInt(4), number(), 1 + random.nextInt(1 << 20), random.nextLong());
      case 6 -> new LogEntry.DigestEntry(at, random.nextLong(), random.nextLong());
      case 7 -> new LogEntry.NetworkInput(at, random.nextInt(20), frames(random));
      default -> new LogEntry.CheckpointMark(at, number(), digest());
    };
  }

  public LogEntry end() {
    return new LogEntry.EndOfLog(
        moment(), reason(random), random.nextInt(), random.nextBoolean() ? digest() : null);
  }

  /** One that a log can end with. */
  public static EndReason reason(Random random) {
    List<EndReason> reasons =
        Arrays.stream(EndReason.values()).filter(EndReason::endsLogs).toList();
    return reasons.get(random.nextInt(reasons.size()));
  }

  public LogEntry progress() {
    Moment at = moment();
    return random.nextBoolean()
        ? new LogEntry.ProgressMark(at)
        : new LogEntry.ProgressMark(at, at.count() + random.nextInt(1 << 20));
  }

  public Moment moment() {
    if (random.nextInt(4) != 0) {
      count += number();
      rip = random.nextBoolean() ? rip + random.nextInt(-1000, 1000) : random.nextLong();
    }
    long digest = random.nextInt(8) == 0 ? random.nextLong() : 0;
    long rcx = random.nextBoolean() ? random.nextInt(100) : random.nextLong();
    ExecutionPoint point = new ExecutionPoint(count, rip, rcx, digest);
    if (random.nextInt(3) != 0) {
      return Moment.running(point);
    }
    nanos += number();
    return new Moment(point, nanos);
  }

  private long number() {
    return random.nextLong() >>> (24 + random.nextInt(40));
  }

  private byte[] bytes() {
    byte[] bytes = new byte[1 + random.nextInt(40)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** A few frames of any length, packed. */
  public static byte[] frames(Random random) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (int i = random.nextInt(3); i >= 0; i--) {
      byte[] frame =
          new byte
              [random.nextInt(8) == 0
                  ? random.nextInt(Frames.MIN_FRAME_BYTES, Frames.MAX_FRAME_BYTES + 1)
                  : random.nextInt(Frames.MIN_FRAME_BYTES, 80)];
      random.nextBytes(frame);
      packed.writeBytes(Frames.pack(frame));
    }
    return packed.toByteArray();
  }

  private MachineDigest digest() {
    List<Long> disks = new ArrayList<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      disks.add(random.nextLong());
    }
    return new MachineDigest(random.nextLong(), random.nextLong(), random.nextLong(), disks);
  }

  public static LogHeader header() {
    return new LogHeader(
        "test",
        1,
        "soft",
        "lockstep-v1",
        "00ff",
        BranchSemantics.ALL_TRANSFERS,
        new TreeMap<>(Map.of("kernel", "abc", "memory", "67108864")),
        List.of("uart0", "disk0"),
        List.of(new DiskIdentity("vda", 1 << 20, 0x1234)),
        Moment.running(new ExecutionPoint(0, 0x100, 0)),
        0,
        1_700_000_000_000_000_000L,
        new MachineDigest(1, 2, 3, List.of(4L)));
  }
}
