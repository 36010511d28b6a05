package dev.lockstep.kvm.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** {@code struct ifreq} (netdevice(7)), which jextract leaves out, and the ioctls that take it on a socket. */
final class InterfaceCalls {
  static final int IFREQ_BYTES = 40;

  /** Where the union begins: flags, MTU, index, hardware address. */
  static final int VALUE_OFFSET = NetAbi.IFNAMSIZ;

  /** Within the union, the address after its family. */
  static final int HARDWARE_ADDRESS_OFFSET = VALUE_OFFSET + 2;

  private static final MemorySegment SOCKET = Libc.find("socket");

  private static final Pattern NAME = Pattern.compile("[!-.0-9;-~]+");

  private InterfaceCalls() {}

  /** Whether an interface may bear that name and a request can hold it: 1 to 15 printable ASCII characters without slash, colon or blank. Linux itself also takes others than ASCII. */
  static boolean isName(String name) {
    return name.length() < NetAbi.IFNAMSIZ && NAME.matcher(name).matches();
  }

  /** A request about an interface. */
  static MemorySegment request(Arena arena, String name) {
    MemorySegment request = arena.allocate(IFREQ_BYTES, 8);
    byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
    MemorySegment.copy(bytes, 0, request, JAVA_BYTE, 0, bytes.length);
    return request;
  }

  /** The interface's name, as the kernel filled it in. */
  static String name(MemorySegment request) {
    return request.getString(0, StandardCharsets.US_ASCII);
  }

  /**
   * An ioctl on a socket that is there for it alone.
   *
   * @param advice what to do if it is refused
   */
  static void control(String call, long number, MemorySegment request, String advice) {
    int socket = socket(NetAbi.AF_INET, NetAbi.SOCK_DGRAM, 0);
    try {
      int result = Libc.ioctl(socket, number, request);
      if (result < 0) {
        throw new KvmException(call + " of " + name(request), socket, -result, advice);
      }
    } finally {
      Libc.close(socket);
    }
  }

  /** socket(2), in the network namespace of the thread that calls; closed on exec. */
  static int socket(int family, int type, int protocol) {
    int result = Libc.call(SOCKET, family, type | NetAbi.SOCK_CLOEXEC, protocol);
    if (result < 0) {
      throw new KvmException("socket", -1, -result);
    }
    return result;
  }
}
