package dev.lockstep.vmm.net;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The address of an Ethernet interface.
 *
 * @param bits its 48 bits, the first octet highest; a unicast address other than zero
 */
public record MacAddress(long bits) {
  /** Octets of an address. */
  public static final int OCTETS = 6;

  private static final Pattern TEXT = Pattern.compile("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}");
  private static final long MULTICAST = 1L << 40;

  /** Locally administered (IEEE 802, clause 8.4: bit 1 of the first octet), and what virtual machines are known by. */
  private static final long VIRTUAL_MACHINES = 0x52_54_00L << 24;

  public MacAddress {
    if (bits >>> 48 != 0 || bits == 0 || (bits & MULTICAST) != 0) {
      throw new IllegalArgumentException("%012x is no interface's address".formatted(bits));
    }
  }

  /** The address that a VM's interface has unless it is given one: the same on every host. */
  public static MacAddress ofName(String vmName) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(vmName.getBytes(StandardCharsets.UTF_8));
      return new MacAddress(
          VIRTUAL_MACHINES | (hash[0] & 0xff) << 16 | (hash[1] & 0xff) << 8 | hash[2] & 0xff);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /**
   * Reads six octets in hexadecimal with colons.
   *
   * @throws IllegalArgumentException if it is not that, or a group's address, or zero
   */
  public static MacAddress parse(String text) {
    if (!TEXT.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "'%s' is not six octets as in 52:54:00:12:34:56".formatted(text));
    }
    return new MacAddress(HexFormat.fromHexDigitsToLong(text.replace(":", "")));
  }

  /** One octet of it, from 0 to 5 in the order in which they are sent. */
  public int octet(int index) {
    return (int) (bits >>> 8 * (OCTETS - 1 - index)) & 0xff;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < OCTETS; i++) {
      text.append(i == 0 ? "" : ":").append("%02x".formatted(octet(i)));
    }
    return text.toString();
  }
}
