package dev.lockstep.vmm.log;

import dev.lockstep.engine.ExecutionPoint;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The plain, fixed-width forms of moments and digests, for headers and snapshots. */
public final class MomentCodec {
  private static final int MAX_DISKS = 64;

  private MomentCodec() {}

  /** Writes a moment: five 64-bit numbers. */
  public static void write(DataOutput out, Moment moment) throws IOException {
    ExecutionPoint point = moment.point();
    out.writeLong(point.branchCount());
    out.writeLong(point.rip());
    out.writeLong(point.rcx());
    out.writeLong(point.digest());
    out.writeLong(moment.haltedNanos());
  }

  /** Reads a moment. */
  public static Moment readMoment(DataInput in) throws IOException {
    long count = in.readLong();
    long rip = in.readLong();
    long rcx = in.readLong();
    long digest = in.readLong();
    long halted = in.readLong();
    if (count < 0 || halted < Moment.RUNNING) {
      throw new IOException("a moment with count %d and virtual time %d".formatted(count, halted));
    }
    return new Moment(new ExecutionPoint(count, rip, rcx, digest), halted);
  }

  /** Writes a digest. */
  public static void write(DataOutput out, MachineDigest digest) throws IOException {
    out.writeLong(digest.registers());
    out.writeLong(digest.devices());
    out.writeLong(digest.memory());
    out.writeByte(digest.disks().size());
    for (long disk : digest.disks()) {
      out.writeLong(disk);
    }
  }

  /** Reads a digest. */
  public static MachineDigest readDigest(DataInput in) throws IOException {
    long registers = in.readLong();
    long devices = in.readLong();
    long memory = in.readLong();
    int count = in.readUnsignedByte();
    if (count > MAX_DISKS) {
      throw new IOException("a digest of %d disks".formatted(count));
    }
    List<Long> disks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      disks.add(in.readLong());
    }
    return new MachineDigest(registers, devices, memory, disks);
  }
}
