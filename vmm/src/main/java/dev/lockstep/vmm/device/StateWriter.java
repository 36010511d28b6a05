package dev.lockstep.vmm.device;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Collects the fields of a {@link DeviceState}. */
public final class StateWriter {
  private final String kind;
  private final int version;
  private final List<DeviceState.Field> fields = new ArrayList<>();

  /**
   * Begins a state.
   *
   * @param kind the device's kind
   * @param version of its set of fields; changes whenever a field is added, removed or redefined
   */
  public StateWriter(String kind, int version) {
    this.kind = kind;
    this.version = version;
  }

  /** Adds a number. */
  public StateWriter number(String name, long value) {
    fields.add(new DeviceState.Field(name, true, value, new byte[0]));
    return this;
  }

  /** Adds a truth value. */
  public StateWriter flag(String name, boolean value) {
    return number(name, value ? 1 : 0);
  }

  /** Adds a copy of some bytes. */
  public StateWriter bytes(String name, byte[] value) {
    fields.add(new DeviceState.Field(name, false, 0, value.clone()));
    return this;
  }

  /** Adds a copy of some numbers. */
  public StateWriter numbers(String name, long... values) {
    ByteBuffer buffer = ByteBuffer.allocate(Math.multiplyExact(values.length, Long.BYTES));
    for (long value : values) {
      buffer.putLong(value);
    }
    return bytes(name, buffer.array());
  }

  /** The finished state. */
  public DeviceState state() {
    return new DeviceState(kind, version, fields);
  }
}
