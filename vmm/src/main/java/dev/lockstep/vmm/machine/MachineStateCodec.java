package dev.lockstep.vmm.machine;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.net.flow.FlowTranslation;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** A machine's state without memory and disks, as bytes. */
final class MachineStateCodec {
  private static final int VERSION = 1;
  private static final int MAX_DEVICES = 256;
  private static final int MAX_DEVICE_BYTES = 1 << 28;

  private MachineStateCodec() {}

  static byte[] encode(MachineCore core) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(VERSION);
      core.cpu().writeTo(out);
      out.writeLong(core.vcpu().branchCount());
      out.writeBoolean(core.runner().halted());
      out.writeLong(core.wallClockNanos());
      core.clock().writeTo(out);
      core.outputs().writeTo(out);
      List<DeviceState> devices = core.board().snapshot();
      out.writeInt(devices.size());
      for (DeviceState device : devices) {
        byte[] encoded = device.encode();
        out.writeInt(encoded.length);
        out.write(encoded);
      }
      FlowTranslation translation = core.board().translation();
      if (!translation.isEmpty()) {
        translation.writeTo(out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Puts a state into a machine that has not run.
   *
   * @throws VmmException if it does not fit, naming what
   */
  static void restore(MachineCore core, byte[] state) {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(state))) {
      int version = in.readInt();
      if (version != VERSION) {
        throw new VmmException(
            "the snapshot's state has version %d, this program knows version %d"
                .formatted(version, VERSION),
            "Use the version of Lockstep that made it.");
      }
      CpuState cpu = new CpuState();
      cpu.readFrom(in);
      core.vcpu().setState(cpu);
      core.vcpu().setBranchCount(in.readLong());
      core.runner().setHalted(in.readBoolean());
      core.setWallClockNanos(in.readLong());
      core.clock().readFrom(in);
      core.outputs().readFrom(in);
      core.board().restore(devices(in));
      core.board().translation().clear();
      if (in.available() > 0) {
        core.board().translation().readFrom(in);
      }
      if (in.read() >= 0) {
        throw new IOException("bytes after the last device");
      }
    } catch (IOException e) {
      throw new VmmException(
          "the snapshot's state is damaged: " + e.getMessage(),
          "Use another snapshot; this one cannot be restored.",
          e);
    }
  }

  private static List<DeviceState> devices(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > MAX_DEVICES) {
      throw new IOException("%d devices".formatted(count));
    }
    List<DeviceState> devices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = in.readInt();
      if (length < 0 || length > MAX_DEVICE_BYTES || length > in.available()) {
        throw new IOException("device %d of %d bytes".formatted(i, length));
      }
      devices.add(DeviceState.decode(in.readNBytes(length)));
    }
    return devices;
  }
}
