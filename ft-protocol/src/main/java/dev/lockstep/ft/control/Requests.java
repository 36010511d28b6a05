package dev.lockstep.ft.control;

import dev.lockstep.vmm.config.ReplicationConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** What a request may say: names, paths and addresses, checked. */
public final class Requests {
  private static final int MAX_PORT = 65_535;

  private Requests() {}

  /** A request that is wrong, whatever the state. */
  static ControlException invalid(String what) {
    return new ControlException(
        ControlException.Kind.INVALID, what, "See the service's description.");
  }

  /** A VM's name. */
  static String name(String name) {
    if (name.isEmpty()) {
      throw new ControlException(
          ControlException.Kind.INVALID, "no VM is named", "Give the VM's name.");
    }
    if (name.length() > ControlLimits.MAX_NAME_CHARS) {
      throw invalid(
          "a name has %d characters, more than %d"
              .formatted(name.length(), ControlLimits.MAX_NAME_CHARS));
    }
    return name;
  }

  /**
   * A path on this host.
   *
   * @param field for messages
   */
  public static Path path(String field, String text) {
    limited(field, text);
    try {
      Path path = Path.of(text);
      if (path.isAbsolute()) {
        return path.normalize();
      }
    } catch (InvalidPathException e) {
      throw invalid("%s '%s' is no path: %s".formatted(field, text, e.getReason()));
    }
    throw new ControlException(
        ControlException.Kind.INVALID,
        "%s '%s' is no absolute path".formatted(field, text),
        "Give a path of the host that runs the VM, from its root on.");
  }

  /**
   * A number of things, 0 for none.
   *
   * @param field for messages
   */
  static int count(String field, int unsigned) {
    if (unsigned < 0) {
      throw invalid("%s is %s".formatted(field, Integer.toUnsignedString(unsigned)));
    }
    return unsigned;
  }

  /**
   * HOST:PORT.
   *
   * @param field for messages
   */
  public static InetSocketAddress address(String field, String text) {
    limited(field, text);
    int colon = text.lastIndexOf(':');
    String port = colon < 0 ? "" : text.substring(colon + 1);
    if (colon < 1 || !port.matches("\\d{1,5}") || Integer.parseInt(port) > MAX_PORT) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "%s '%s' is no address".formatted(field, text),
          "Write HOST:PORT, as 127.0.0.1:7070.");
    }
    try {
      return new InetSocketAddress(
          InetAddress.getByName(text.substring(0, colon)), Integer.parseInt(port));
    } catch (UnknownHostException e) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "%s '%s' names a host that is not known".formatted(field, text),
          "Give its address in numbers.");
    }
  }

  /** How long a guest may stand still while a backup joins. */
  static int maxPauseMillis(int unsigned) {
    long millis = Integer.toUnsignedLong(unsigned);
    if (millis < ReplicationConfig.MIN_PAUSE_MILLIS
        || millis > ReplicationConfig.MAX_PAUSE_MILLIS) {
      throw invalid(
          "max_pause_millis is %d, and must be %d to %d"
              .formatted(
                  millis, ReplicationConfig.MIN_PAUSE_MILLIS, ReplicationConfig.MAX_PAUSE_MILLIS));
    }
    return (int) millis;
  }

  /** A text of any meaning. */
  public static String limited(String field, String text) {
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > ControlLimits.MAX_TEXT_BYTES) {
      throw invalid(
          "%s has %d bytes, more than %d".formatted(field, bytes, ControlLimits.MAX_TEXT_BYTES));
    }
    return text;
  }
}
