package dev.lockstep.vmm.device;

import dev.lockstep.engine.VmmException;
import java.nio.ByteBuffer;
import java.util.Iterator;

/**
 * Reads the fields of a {@link DeviceState} in the order in which they were written. Every method
 * throws {@link VmmException}, naming the field, when the next field is not the one asked for or
 * its value is not possible.
 */
public final class StateReader {
  private final DeviceState state;
  private final Iterator<DeviceState.Field> fields;

  StateReader(DeviceState state) {
    this.state = state;
    this.fields = state.fields().iterator();
  }

  /** The next field, a number. */
  public long number(String name) {
    DeviceState.Field field = next(name);
    if (!field.isNumber()) {
      throw unfit(name, "is not a number");
    }
    return field.number();
  }

  /** The next field, a number within bounds. */
  public int integer(String name, int least, int most) {
    long value = number(name);
    if (value < least || value > most) {
      throw unfit(name, "is %d, outside %d..%d".formatted(value, least, most));
    }
    return (int) value;
  }

  /** The next field, 0..255. */
  public int octet(String name) {
    return integer(name, 0, 0xff);
  }

  /** The next field, a truth value. */
  public boolean flag(String name) {
    return integer(name, 0, 1) != 0;
  }

  /** The next field, bytes. */
  public byte[] bytes(String name) {
    DeviceState.Field field = next(name);
    if (field.isNumber()) {
      throw unfit(name, "is a number, not bytes");
    }
    return field.bytes().clone();
  }

  /** The next field, as many bytes as said. */
  public byte[] bytes(String name, int length) {
    byte[] value = bytes(name);
    if (value.length != length) {
      throw unfit(name, "has %d bytes, not %d".formatted(value.length, length));
    }
    return value;
  }

  /** The next field, numbers. */
  public long[] numbers(String name) {
    byte[] value = bytes(name);
    if (value.length % Long.BYTES != 0) {
      throw unfit(name, "has %d bytes, which are no whole numbers".formatted(value.length));
    }
    long[] numbers = new long[value.length / Long.BYTES];
    ByteBuffer.wrap(value).asLongBuffer().get(numbers);
    return numbers;
  }

  /** Whether a field is left: one that only some states have must be the last. */
  public boolean hasMore() {
    return fields.hasNext();
  }

  /** Ends reading: no field may be left. */
  public void end() {
    if (fields.hasNext()) {
      throw unfit(fields.next().name(), "is not known here");
    }
  }

  /** The error for a field whose value is not possible. */
  public VmmException unfit(String name, String why) {
    return new VmmException(
        "state of device '%s': field '%s' %s".formatted(state.kind(), name, why),
        "Use a snapshot of a machine with the same configuration and version of Lockstep.");
  }

  private DeviceState.Field next(String name) {
    if (!fields.hasNext()) {
      throw unfit(name, "is missing");
    }
    DeviceState.Field field = fields.next();
    if (!field.name().equals(name)) {
      throw unfit(name, "is missing; '%s' is in its place".formatted(field.name()));
    }
    return field;
  }
}
