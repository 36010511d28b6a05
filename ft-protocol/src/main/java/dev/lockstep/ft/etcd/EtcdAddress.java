package dev.lockstep.ft.etcd;

import dev.lockstep.engine.VmmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where an etcd cluster is, and under which prefix Lockstep's keys lie in it.
 *
 * @param endpoints the members' client addresses, as {@code host:port}; an IPv6 address in brackets
 * @param prefix begins every key, without a slash at either end
 */
public record EtcdAddress(List<String> endpoints, String prefix) {
  /** Begins an address in text. */
  public static final String SCHEME = "etcd://";

  private static final String DEFAULT_PREFIX = "lockstep";
  private static final String DEFAULT_PORT = "2379";
  private static final int MAX_ENDPOINTS = 16;
  private static final int MAX_PREFIX_CHARS = 128;
  private static final int MAX_PORT = 65_535;
  private static final Pattern ENDPOINT =
      Pattern.compile("([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+])(?::(\\d{1,5}))?");
  private static final Pattern PREFIX = Pattern.compile("[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*");

  public EtcdAddress {
    endpoints = List.copyOf(endpoints);
  }

  /** Whether a text is meant to be such an address, right or wrong. */
  public static boolean isMeant(String text) {
    return text.toLowerCase(Locale.ROOT).startsWith("etcd:");
  }

  /**
   * Reads {@code etcd://host:port,host:port/prefix}. Without a port it is etcd's own, 2379; without a prefix {@code lockstep}.
   *
   * @throws VmmException if it is not that
   */
  public static EtcdAddress parse(String text) {
    if (!text.toLowerCase(Locale.ROOT).startsWith(SCHEME)) {
      throw wrong(text, "it does not begin with " + SCHEME);
    }
    String rest = text.substring(SCHEME.length());
    if (rest.contains("@")) {
      throw new VmmException(
          "'%s' has a user in it, and Lockstep knows none of etcd's users"
              .formatted(text.replaceAll("//.*@", "//...@")),
          "Let etcd take client certificates instead, and give them by --etcd-tls.");
    }
    int slash = rest.indexOf('/');
    String hosts = slash < 0 ? rest : rest.substring(0, slash);
    String prefix = slash < 0 ? "" : rest.substring(slash + 1).replaceAll("/$", "");
    List<String> endpoints = new ArrayList<>();
    for (String host : hosts.split(",", -1)) {
      endpoints.add(endpoint(text, host));
    }
    if (endpoints.size() > MAX_ENDPOINTS) {
      throw wrong(text, "it has more than %d endpoints".formatted(MAX_ENDPOINTS));
    }
    if (!prefix.isEmpty()
        && (prefix.length() > MAX_PREFIX_CHARS || !PREFIX.matcher(prefix).matches())) {
      throw wrong(
          text,
          "the prefix '%s' is not made of letters, digits, '.', '_', '-' and single slashes"
              .formatted(prefix));
    }
    return new EtcdAddress(endpoints, prefix.isEmpty() ? DEFAULT_PREFIX : prefix);
  }

  private static String endpoint(String text, String host) {
    Matcher matcher = ENDPOINT.matcher(host);
    if (!matcher.matches()) {
      throw wrong(text, "'%s' is no host:port".formatted(host));
    }
    String port = matcher.group(2) == null ? DEFAULT_PORT : matcher.group(2);
    int number = Integer.parseInt(port);
    if (number < 1 || number > MAX_PORT) {
      throw wrong(text, "there is no port " + port);
    }
    return matcher.group(1) + ":" + number;
  }

  private static VmmException wrong(String text, String why) {
    return new VmmException(
        "'%s' is no address of etcd: %s".formatted(text, why),
        "Write etcd://HOST:PORT,HOST:PORT or etcd://HOST:PORT,HOST:PORT/PREFIX, with the members' client addresses.");
  }

  /** As it is written. */
  @Override
  public String toString() {
    return SCHEME + String.join(",", endpoints) + "/" + prefix;
  }
}
