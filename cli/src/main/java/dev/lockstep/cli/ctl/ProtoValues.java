package dev.lockstep.cli.ctl;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.lockstep.ft.control.Words;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Messages of the control port as values for JSON: fields by their names, constants in the field's words, numbers as numbers. */
public final class ProtoValues {
  private ProtoValues() {}

  /** A message's fields; those that have presence only if they are present. */
  public static Map<String, @Nullable Object> of(Message message) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
      if (field.isMapField()) {
        values.put(field.getName(), map((List<?>) message.getField(field)));
      } else if (field.isRepeated()) {
        List<@Nullable Object> list = new ArrayList<>();
        for (Object value : (List<?>) message.getField(field)) {
          list.add(value(value));
        }
        values.put(field.getName(), list);
      } else if (!field.hasPresence() || message.hasField(field)) {
        values.put(field.getName(), value(message.getField(field)));
      }
    }
    return values;
  }

  private static Map<String, @Nullable Object> map(List<?> entries) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (Object it : entries) {
      Message entry = (Message) it;
      List<FieldDescriptor> keyAndValue = entry.getDescriptorForType().getFields();
      map.put(
          String.valueOf(entry.getField(keyAndValue.get(0))),
          value(entry.getField(keyAndValue.get(1))));
    }
    return map;
  }

  private static @Nullable Object value(Object value) {
    return switch (value) {
      case EnumValueDescriptor it -> Words.of(it);
      case com.google.protobuf.Timestamp it ->
          java.time.Instant.ofEpochSecond(it.getSeconds(), it.getNanos()).toString();
      case Message it -> of(it);
      case ByteString it -> it.toString(StandardCharsets.ISO_8859_1);
      default -> value;
    };
  }
}
