package dev.lockstep.cli.dashboard;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Who may use the dashboard: see the package. Refusals are a sentence for the user of the browser. */
final class Admission {
  private static final int TOKEN_BYTES = 32;

  /** Loopback by name or number, with any port: a tunnel may end at another one. */
  private static final Pattern LOOPBACK_HOST =
      Pattern.compile(
          "(localhost|127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|\\[::1])(:\\d{1,5})?",
          Pattern.CASE_INSENSITIVE);

  private final String token;
  private final String cookieName;

  private Admission(String token, String cookieName) {
    this.token = token;
    this.cookieName = cookieName;
  }

  /**
   * With a new token.
   *
   * @param port of the dashboard: browsers keep one jar of cookies for all ports of a host
   */
  static Admission create(int port) {
    return new Admission(random(TOKEN_BYTES), "lockstep-" + port);
  }

  /** Bytes that nobody can guess, as text for URLs. */
  static String random(int bytes) {
    byte[] random = new byte[bytes];
    new SecureRandom().nextBytes(random);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
  }

  /** What the URL at start has. */
  String token() {
    return token;
  }

  /** The header that lets a browser in from now on. */
  String setCookie() {
    return "%s=%s; Path=/; HttpOnly; SameSite=Strict".formatted(cookieName, token);
  }

  boolean isToken(String given) {
    return MessageDigest.isEqual(
        given.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
  }

  /** What is wrong with a request's host; null if nothing is. */
  @Nullable String refusedHost(HttpHeaders headers) {
    List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
    if (hosts.size() == 1 && LOOPBACK_HOST.matcher(hosts.getFirst()).matches()) {
      return null;
    }
    return "The dashboard answers to 127.0.0.1 and localhost only. Open it by the address that Lockstep printed.";
  }

  /** What is wrong with the origin of a request that does something, or reads on; null if nothing is. */
  @Nullable String refusedOrigin(HttpHeaders headers) {
    List<String> origins = headers.getAll(HttpHeaderNames.ORIGIN);
    if (origins.size() == 1
        && origins.getFirst().equalsIgnoreCase("http://" + headers.get(HttpHeaderNames.HOST))) {
      return null;
    }
    return "The request comes from another page than the dashboard. Use the dashboard's own buttons.";
  }

  /** What is wrong if another page asks for data; null if nothing is. Browsers that do not say who asks keep the answer from that page all the same. */
  @Nullable String refusedSite(HttpHeaders headers) {
    String site = headers.get("sec-fetch-site");
    if (site == null || site.equals("same-origin") || site.equals("none")) {
      return null;
    }
    return "The request comes from another page than the dashboard.";
  }

  /** What is wrong with who asks; null if nothing is. */
  @Nullable String refusedUser(HttpHeaders headers) {
    for (String header : headers.getAll(HttpHeaderNames.COOKIE)) {
      for (Cookie cookie : ServerCookieDecoder.STRICT.decodeAll(header)) {
        if (cookie.name().equals(cookieName) && isToken(cookie.value())) {
          return null;
        }
      }
    }
    return "This browser has not been let in. Open the dashboard by the whole address that Lockstep printed at its start, with its token.";
  }
}
