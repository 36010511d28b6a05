package dev.lockstep.vmm.log;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What an event log was recorded with: everything a replica must have in common with it.
 *
 * @param vm the machine's name; informative
 * @param epoch the term of the primary that wrote it, from 1
 * @param engine the engine it was recorded on; informative (what counts is the semantics)
 * @param cpuModel name of the CPU model
 * @param cpuModelDigest {@link dev.lockstep.engine.CpuModel#digest}
 * @param semantics what the branch counts count
 * @param configuration facts of the machine that both sides must share (memory size, kernel's hash, command line, …), by name
 * @param devices the devices that entries refer to, by index
 * @param disks content at the start, in the order of the configuration
 * @param start where the log begins
 * @param startNanos virtual time there
 * @param wallClockNanos the wall clock (UTC, nanoseconds since 1970) that the guest's RTC shows there
 * @param initial digest of registers, devices and memory there
 */
public record LogHeader(
    String vm,
    long epoch,
    String engine,
    String cpuModel,
    String cpuModelDigest,
    BranchSemantics semantics,
    SortedMap<String, String> configuration,
    List<String> devices,
    List<DiskIdentity> disks,
    Moment start,
    long startNanos,
    long wallClockNanos,
    MachineDigest initial) {

  /** The most bytes an encoded header has. */
  public static final int MAX_BYTES = 1 << 20;

  private static final int MAX_ITEMS = 4096;

  public LogHeader {
    configuration = Collections.unmodifiableSortedMap(new TreeMap<>(configuration));
    devices = List.copyOf(devices);
    disks = List.copyOf(disks);
  }

  /**
   * Refuses a replica that cannot repeat this log.
   *
   * @param mine the header that the replica would write for itself
   * @throws VmmException naming the first field that differs, with both values
   */
  public void requireSame(LogHeader mine) {
    requireSameMachine(mine);
    for (int i = 0; i < disks.size(); i++) {
      DiskIdentity theirs = disks.get(i);
      require(
          "content of disk '%s'".formatted(theirs.name()),
          "%016x".formatted(theirs.hash()),
          "%016x".formatted(mine.disks.get(i).hash()));
    }
    List<String> differences = initial.differences(mine.initial);
    if (!differences.isEmpty()) {
      throw misfit("initial state", differences.getFirst());
    }
  }

  /**
   * As {@link #requireSame}, without looking at what memory and disks contain.
   *
   * @throws VmmException naming the first field that differs, with both values
   */
  public void requireSameMachine(LogHeader mine) {
    requireSameConfiguration(mine);
    require("start", start, mine.start);
    require("virtual time at the start", startNanos, mine.startNanos);
    require("wall clock at the start", wallClockNanos, mine.wallClockNanos);
  }

  /**
   * As {@link #requireSameMachine}, without looking at where the machine stands.
   *
   * @throws VmmException naming the first field that differs, with both values
   */
  public void requireSameConfiguration(LogHeader mine) {
    require("CPU model", cpuModel, mine.cpuModel);
    require("CPU model digest", cpuModelDigest, mine.cpuModelDigest);
    require("branch semantics", semantics, mine.semantics);
    TreeSet<String> names = new TreeSet<>(configuration.keySet());
    names.addAll(mine.configuration.keySet());
    for (String name : names) {
      require(
          name,
          configuration.getOrDefault(name, "(none)"),
          mine.configuration.getOrDefault(name, "(none)"));
    }
    require("devices", devices, mine.devices);
    require("number of disks", disks.size(), mine.disks.size());
    for (int i = 0; i < disks.size(); i++) {
      DiskIdentity theirs = disks.get(i);
      DiskIdentity ours = mine.disks.get(i);
      require("size of disk '%s'".formatted(theirs.name()), theirs.bytes(), ours.bytes());
    }
  }

  /**
   * Refuses a CPU that is not the recorded one; nothing needs to be loaded for this.
   *
   * @throws VmmException naming the field that differs, with both values
   */
  public void requireModel(CpuModel mine) {
    require("CPU model", cpuModel, mine.name());
    require("CPU model digest", cpuModelDigest, mine.digest());
  }

  private static void require(String field, Object theirs, Object ours) {
    if (!theirs.equals(ours)) {
      throw misfit(field, "%s in the log, %s here".formatted(theirs, ours));
    }
  }

  private static VmmException misfit(String field, String difference) {
    return new VmmException(
        "the log does not fit this machine: %s differs (%s)".formatted(field, difference),
        "Replay it with the kernel, initrd, disks and settings it was recorded with.");
  }

  /** The header as bytes. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF(vm);
      out.writeLong(epoch);
      out.writeUTF(engine);
      out.writeUTF(cpuModel);
      out.writeUTF(cpuModelDigest);
      out.writeUTF(semantics.name());
      out.writeInt(configuration.size());
      for (var fact : configuration.entrySet()) {
        out.writeUTF(fact.getKey());
        out.writeUTF(fact.getValue());
      }
      out.writeInt(devices.size());
      for (String device : devices) {
        out.writeUTF(device);
      }
      out.writeInt(disks.size());
      for (DiskIdentity disk : disks) {
        out.writeUTF(disk.name());
        out.writeLong(disk.bytes());
        out.writeLong(disk.hash());
      }
      MomentCodec.write(out, start);
      out.writeLong(startNanos);
      out.writeLong(wallClockNanos);
      MomentCodec.write(out, initial);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (bytes.size() > MAX_BYTES) {
      throw new IllegalStateException("a log header of %d bytes".formatted(bytes.size()));
    }
    return bytes.toByteArray();
  }

  /**
   * The reverse of {@link #encode}.
   *
   * @throws IOException if the bytes are not a header
   */
  public static LogHeader decode(byte[] encoded) throws IOException {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
      String vm = in.readUTF();
      long epoch = in.readLong();
      String engine = in.readUTF();
      String cpuModel = in.readUTF();
      String cpuModelDigest = in.readUTF();
      BranchSemantics semantics = semantics(in.readUTF());
      SortedMap<String, String> configuration = new TreeMap<>();
      for (int n = count(in); n > 0; n--) {
        configuration.put(in.readUTF(), in.readUTF());
      }
      List<String> devices = new ArrayList<>();
      for (int n = count(in); n > 0; n--) {
        devices.add(in.readUTF());
      }
      List<DiskIdentity> disks = new ArrayList<>();
      for (int n = count(in); n > 0; n--) {
        disks.add(new DiskIdentity(in.readUTF(), in.readLong(), in.readLong()));
      }
      Moment start = MomentCodec.readMoment(in);
      long startNanos = in.readLong();
      long wallClockNanos = in.readLong();
      MachineDigest initial = MomentCodec.readDigest(in);
      if (in.read() >= 0) {
        throw new IOException("bytes after the header's last field");
      }
      return new LogHeader(
          vm,
          epoch,
          engine,
          cpuModel,
          cpuModelDigest,
          semantics,
          configuration,
          devices,
          disks,
          start,
          startNanos,
          wallClockNanos,
          initial);
    }
  }

  private static int count(DataInputStream in) throws IOException {
    int n = in.readInt();
    if (n < 0 || n > MAX_ITEMS) {
      throw new IOException("a list of %d items in the header".formatted(n));
    }
    return n;
  }

  private static BranchSemantics semantics(String name) throws IOException {
    for (BranchSemantics known : BranchSemantics.values()) {
      if (known.name().equals(name)) {
        return known;
      }
    }
    throw new IOException("branch semantics '%s' are not known here".formatted(name));
  }
}
