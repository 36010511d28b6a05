package dev.lockstep.ft.control;

import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.ProtocolMessageEnum;
import java.util.Locale;

/** The field's words for the control port's constants: {@code PROTECTION_STATE_NEED_BACKUP} is {@code needBackup}. */
public final class Words {
  private Words() {}

  /** The word of a constant; empty for the one that says nothing. */
  public static String of(ProtocolMessageEnum constant) {
    return of(constant.getValueDescriptor());
  }

  /** The same of its description. */
  public static String of(EnumValueDescriptor constant) {
    if (constant.getNumber() == 0) {
      return "";
    }
    String prefix = constant.getType().getName().replaceAll("(?<=[a-z])(?=[A-Z])", "_") + "_";
    return camel(constant.getName().substring(prefix.length()));
  }

  /** {@code NOT_PROTECTED} as {@code notProtected}. */
  static String camel(String constant) {
    StringBuilder word = new StringBuilder();
    for (String part : constant.toLowerCase(Locale.ROOT).split("_")) {
      word.append(
          word.isEmpty() || part.isEmpty()
              ? part
              : Character.toUpperCase(part.charAt(0)) + part.substring(1));
    }
    return word.toString();
  }
}
