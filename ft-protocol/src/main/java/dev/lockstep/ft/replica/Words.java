package dev.lockstep.ft.replica;

import java.util.Locale;

/** The protocol's constants in an operator's words. */
final class Words {
  private Words() {}

  /** {@code NEED_BACKUP} as {@code needBackup}. */
  static String camelCase(Enum<?> constant) {
    return camelCase(constant.name());
  }

  private static String camelCase(String name) {
    StringBuilder word = new StringBuilder();
    for (String part : name.toLowerCase(Locale.ROOT).split("_", -1)) {
      word.append(
          word.isEmpty() ? part : Character.toUpperCase(part.charAt(0)) + part.substring(1));
    }
    return word.toString();
  }

  /** Several of the protocol's reasons are one to an operator. */
  static String reason(String name) {
    return switch (name) {
      case "BACKUP_SILENT", "LOST_CONNECTION" -> "lostConnection";
      case "DIVERGENCE", "DIVERGED" -> "divergence";
      case "STOPPED", "USER_ACTION" -> "userAction";
      default -> camelCase(name);
    };
  }
}
