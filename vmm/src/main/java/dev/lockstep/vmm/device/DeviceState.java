package dev.lockstep.vmm.device;

import dev.lockstep.engine.VmmException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/**
 * A device's saved state: named numbers and byte strings in a fixed order. Immutable. The names
 * make a difference between two states, or a state that does not fit, something a message can say.
 */
public final class DeviceState {
  private static final int MAX_FIELDS = 1 << 16;
  private static final int MAX_BYTES = 1 << 28;
  private static final int NUMBER = 1;
  private static final int BYTES = 2;

  /** One field: bytes is empty and unused for a number. */
  record Field(String name, boolean isNumber, long number, byte[] bytes) {
    boolean same(Field other) {
      return name.equals(other.name)
          && isNumber == other.isNumber
          && number == other.number
          && Arrays.equals(bytes, other.bytes);
    }

    String value() {
      if (isNumber) {
        return "%#x".formatted(number);
      }
      int shown = Math.min(bytes.length, 16);
      return "%d bytes %s%s"
          .formatted(
              bytes.length,
              HexFormat.of().formatHex(bytes, 0, shown),
              shown < bytes.length ? "…" : "");
    }
  }

  private final String kind;
  private final int version;
  private final List<Field> fields;

  DeviceState(String kind, int version, List<Field> fields) {
    this.kind = kind;
    this.version = version;
    this.fields = List.copyOf(fields);
  }

  /** The {@link Device#kind} that saved it. */
  public String kind() {
    return kind;
  }

  /** The version of that device's set of fields. */
  public int version() {
    return version;
  }

  List<Field> fields() {
    return fields;
  }

  /**
   * Opens the state for reading.
   *
   * @throws VmmException if it belongs to another kind or version
   */
  public StateReader reader(String wantedKind, int wantedVersion) {
    if (!kind.equals(wantedKind)) {
      throw new VmmException(
          "state of device '%s' was given to device '%s'".formatted(kind, wantedKind),
          "Use a snapshot of a machine with the same configuration.");
    }
    if (version != wantedVersion) {
      throw new VmmException(
          "state of device '%s' has version %d, this program knows version %d"
              .formatted(kind, version, wantedVersion),
          "Use the version of Lockstep that made the snapshot.");
    }
    return new StateReader(this);
  }

  /** What differs from another state, one "field: mine / theirs" each; empty if nothing does. */
  public List<String> differences(DeviceState other) {
    List<String> found = new ArrayList<>();
    if (!kind.equals(other.kind) || version != other.version) {
      found.add("kind: %s v%d / %s v%d".formatted(kind, version, other.kind, other.version));
      return found;
    }
    int common = Math.min(fields.size(), other.fields.size());
    for (int i = 0; i < common; i++) {
      Field mine = fields.get(i);
      Field theirs = other.fields.get(i);
      if (!mine.same(theirs)) {
        String name =
            mine.name().equals(theirs.name()) ? mine.name() : mine.name() + "/" + theirs.name();
        found.add("%s: %s / %s".formatted(name, mine.value(), theirs.value()));
      }
    }
    if (fields.size() != other.fields.size()) {
      found.add("number of fields: %d / %d".formatted(fields.size(), other.fields.size()));
    }
    return found;
  }

  /** The state as bytes; equal states give equal bytes. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF(kind);
      out.writeInt(version);
      out.writeInt(fields.size());
      for (Field field : fields) {
        out.writeUTF(field.name());
        out.writeByte(field.isNumber() ? NUMBER : BYTES);
        if (field.isNumber()) {
          out.writeLong(field.number());
        } else {
          out.writeInt(field.bytes().length);
          out.write(field.bytes());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * The reverse of {@link #encode}.
   *
   * @throws VmmException if the bytes are not a state
   */
  public static DeviceState decode(byte[] encoded) {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
      String kind = in.readUTF();
      int version = in.readInt();
      int count = in.readInt();
      if (count < 0 || count > MAX_FIELDS) {
        throw new IOException("%d fields".formatted(count));
      }
      List<Field> fields = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        fields.add(decodeField(in));
      }
      if (in.read() >= 0) {
        throw new IOException("bytes after the last field");
      }
      return new DeviceState(kind, version, fields);
    } catch (IOException e) {
      throw new VmmException(
          "a device state of %d bytes is damaged: %s".formatted(encoded.length, e.getMessage()),
          "Use another snapshot; this one cannot be restored.",
          e);
    }
  }

  private static Field decodeField(DataInputStream in) throws IOException {
    String name = in.readUTF();
    int type = in.readByte();
    if (type == NUMBER) {
      return new Field(name, true, in.readLong(), new byte[0]);
    }
    if (type != BYTES) {
      throw new IOException("field '%s' has type %d".formatted(name, type));
    }
    int length = in.readInt();
    if (length < 0 || length > MAX_BYTES || length > in.available()) {
      throw new IOException("field '%s' has length %d".formatted(name, length));
    }
    byte[] bytes = new byte[length];
    in.readFully(bytes);
    return new Field(name, false, 0, bytes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DeviceState state && differences(state).isEmpty();
  }

  @Override
  public int hashCode() {
    return Objects.hash(kind, version, Arrays.hashCode(encode()));
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(kind).append(" v").append(version).append(" {");
    for (Field field : fields) {
      text.append(' ').append(field.name()).append('=').append(field.value());
    }
    return text.append(" }").toString();
  }
}
