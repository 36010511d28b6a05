package dev.lockstep.kvm.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.lockstep.kvm.DescriptorCalls;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * A tap device: what the host sends to the interface is read here frame by frame, what is written here arrives at the host from it. A frame is Ethernet without its checksum; a virtio-net header goes before
 * it if {@link #openWithVirtioHeaders} asked for one. Any thread may read while another writes. Closing it removes the interface unless an administrator made it persistent.
 */
public final class TapDevice implements AutoCloseable {
  /** Where Linux has the device that makes tap devices. */
  public static final Path DEVICE = Path.of("/dev/net/tun");

  /** -1 once closed, so that a number that another file has meanwhile is never used. */
  private volatile int fd;

  private final String name;

  /** Names this very interface, where another may have the name of one that was deleted. */
  private final int index;

  private TapDevice(int fd, String name, int index) {
    this.fd = fd;
    this.name = name;
    this.index = index;
  }

  /**
   * Makes a tap device, or takes an existing one that nobody has open.
   *
   * @param name 1 to 15 letters, digits, or other signs without a slash, colon or blank; may have {@code %d}, in whose place the kernel puts the first free number
   * @throws KvmException with what to do where this user may not
   */
  public static TapDevice open(String name) {
    return open(name, LinuxKvm.IFF_TAP() | LinuxKvm.IFF_NO_PI());
  }

  /**
   * As {@link #open}, where every frame is read and written behind a {@code struct virtio_net_hdr}.
   *
   * @param headerBytes 10, or 12 with the number of buffers (virtio 1.x)
   */
  public static TapDevice openWithVirtioHeaders(String name, int headerBytes) {
    TapDevice device =
        open(name, LinuxKvm.IFF_TAP() | LinuxKvm.IFF_NO_PI() | LinuxKvm.IFF_VNET_HDR());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocateFrom(JAVA_INT, headerBytes);
      DescriptorCalls.checked(
          "TUNSETVNETHDRSZ to " + headerBytes,
          device.fd,
          Libc.ioctl(device.fd, LinuxKvm.TUNSETVNETHDRSZ(), size));
      return device;
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
  }

  private static TapDevice open(String name, int flags) {
    requireName(name);
    int fd =
        Libc.open(
            DEVICE.toString(), LinuxKvm.O_RDWR() | LinuxKvm.O_CLOEXEC() | LinuxKvm.O_NONBLOCK());
    if (fd < 0) {
      throw new KvmException("open " + DEVICE, -1, -fd, adviceForOpen(-fd));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = InterfaceCalls.request(arena, name);
      request.set(JAVA_SHORT, InterfaceCalls.VALUE_OFFSET, (short) flags);
      int result = Libc.ioctl(fd, LinuxKvm.TUNSETIFF(), request);
      if (result < 0) {
        throw new KvmException("TUNSETIFF of " + name, fd, -result, adviceFor(name, -result));
      }
      String given = InterfaceCalls.name(request);
      return new TapDevice(fd, given, index(given));
    } catch (RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static void requireName(String name) {
    if (!InterfaceCalls.isName(name)) {
      throw new IllegalArgumentException(
          "an interface's name has 1 to 15 printable ASCII characters without '/', ':' or blanks, not '"
              + name
              + "'");
    }
  }

  private static String adviceForOpen(int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
          "Load the kernel module (modprobe tun), or use user-mode networking by passt.";
      case Errno.EACCES, Errno.EPERM ->
          "Give this user the right to read and write " + DEVICE + ", or use passt.";
      default -> "Raise the limit that was met, or use user-mode networking by passt.";
    };
  }

  private static String adviceFor(String name, int errno) {
    return switch (errno) {
      case Errno.EPERM, Errno.EACCES ->
          "Making an interface takes CAP_NET_ADMIN. As root, once: ip tuntap add dev "
              + name
              + " mode tap user $USER && ip link set "
              + name
              + " up; or use user-mode networking by passt.";
      case Errno.EBUSY -> "Another process has " + name + " open: stop it or take another name.";
      case Errno.EINVAL ->
          name + " is an interface of another kind or with other options: take another name.";
      default -> "Run lockstep doctor, or use user-mode networking by passt.";
    };
  }

  /** The interface's name. */
  public String name() {
    return name;
  }

  /** Whether the interface stays when the device is closed, as one does that an administrator made. */
  public boolean isPersistent() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = arena.allocate(InterfaceCalls.IFREQ_BYTES, 8);
      DescriptorCalls.checked("TUNGETIFF", fd, Libc.ioctl(fd, NetAbi.TUNGETIFF, request));
      return (request.get(JAVA_SHORT, InterfaceCalls.VALUE_OFFSET) & NetAbi.IFF_PERSIST) != 0;
    }
  }

  /** Lets the interface stay when the device is closed, or not. */
  public void setPersistent(boolean persistent) {
    DescriptorCalls.checked(
        "TUNSETPERSIST", fd, Libc.ioctl(fd, LinuxKvm.TUNSETPERSIST(), persistent ? 1L : 0L));
  }

  /** Tells the kernel which work on frames their reader does; it stays so for the next who opens a persistent device. Any needs virtio-net headers. */
  public void offload(Set<Offload> offloads) {
    long bits = 0;
    for (Offload offload : offloads) {
      bits |= offload.bit();
    }
    DescriptorCalls.checked(
        "TUNSETOFFLOAD " + offloads, fd, Libc.ioctl(fd, LinuxKvm.TUNSETOFFLOAD(), bits));
  }

  /**
   * Takes the next frame; never waits and makes no Java object once HotSpot has compiled it.
   *
   * @param to native; a longer frame is cut
   * @return the frame's bytes with its header, or -EAGAIN if there is none, or -EINTR, or -EIO while the interface is down
   */
  public int read(MemorySegment to) {
    long result = DescriptorCalls.read(fd, to, to.byteSize());
    return result < 0 ? expected("read", (int) result) : (int) result;
  }

  /**
   * Sends the first bytes of a segment as a frame.
   *
   * @param from native
   * @param bytes the frame's with its header, 14 or more
   * @return the bytes, or -EAGAIN if there is no room, or -EINTR, or -EIO while the interface is down, or -EINVAL if the kernel takes it for no frame
   */
  public int write(MemorySegment from, int bytes) {
    long result = DescriptorCalls.write(fd, from, bytes);
    if (result == -Errno.EINVAL) {
      return (int) result;
    }
    return result < 0 ? expected("write", (int) result) : (int) result;
  }

  private int expected(String call, int result) {
    if (result == -Errno.EAGAIN || result == -Errno.EINTR || result == -Errno.EIO) {
      return result;
    }
    throw new KvmException(call + " of a frame of " + name, fd, -result);
  }

  /** Waits until there is a frame: 1, or 0 when the time is up, or -EINTR. */
  public int await(int timeoutMillis) {
    return DescriptorCalls.awaitReadable(fd, timeoutMillis);
  }

  /** Whether the interface is up. */
  public boolean isUp() {
    return (flags() & NetAbi.IFF_UP) != 0;
  }

  /** Lets the host use the interface. Takes CAP_NET_ADMIN, even of the owner of a persistent device. */
  public void up() {
    setFlags(flags() | NetAbi.IFF_UP, "up");
  }

  /** Stops the host's use of it. */
  public void down() {
    setFlags(flags() & ~NetAbi.IFF_UP, "down");
  }

  private int flags() {
    try (Arena arena = Arena.ofConfined()) {
      return ask(arena, "SIOCGIFFLAGS", NetAbi.SIOCGIFFLAGS)
          .get(JAVA_SHORT, InterfaceCalls.VALUE_OFFSET);
    }
  }

  private void setFlags(int flags, String state) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = InterfaceCalls.request(arena, name);
      request.set(JAVA_SHORT, InterfaceCalls.VALUE_OFFSET, (short) flags);
      InterfaceCalls.control(
          "SIOCSIFFLAGS",
          NetAbi.SIOCSIFFLAGS,
          request,
          "It takes CAP_NET_ADMIN: as root, ip link set " + name + " " + state + ".");
    }
  }

  /** The largest payload of a frame, in bytes. */
  public int mtu() {
    try (Arena arena = Arena.ofConfined()) {
      return ask(arena, "SIOCGIFMTU", NetAbi.SIOCGIFMTU).get(JAVA_INT, InterfaceCalls.VALUE_OFFSET);
    }
  }

  /** Sets the largest payload, 68 to 65521 bytes. */
  public void setMtu(int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = InterfaceCalls.request(arena, name);
      request.set(JAVA_INT, InterfaceCalls.VALUE_OFFSET, bytes);
      InterfaceCalls.control(
          "SIOCSIFMTU to " + bytes,
          NetAbi.SIOCSIFMTU,
          request,
          "It takes CAP_NET_ADMIN and a size that the kernel accepts, 68 to 65521.");
    }
  }

  /** The host's own Ethernet address at this interface, 6 bytes; the guest has another. */
  public byte[] hardwareAddress() {
    try (Arena arena = Arena.ofConfined()) {
      return ask(arena, "SIOCGIFHWADDR", NetAbi.SIOCGIFHWADDR)
          .asSlice(InterfaceCalls.HARDWARE_ADDRESS_OFFSET, 6)
          .toArray(JAVA_BYTE);
    }
  }

  /**
   * The bridge that the interface is a port of; empty if it is in none. It is asked for this very interface, whatever has its name by now.
   *
   * @throws KvmException ENODEV if the interface is gone; EBADMSG if the bridge has a name that is not of printable ASCII characters
   */
  public Optional<String> bridge() {
    try (RouteSocket routes = RouteSocket.open()) {
      int master = routes.link(index).master();
      return master == 0
          ? Optional.empty()
          : Optional.of(routes.link(master)).filter(LinkState::isBridge).map(LinkState::name);
    }
  }

  /**
   * Makes the interface a port of a bridge (SIOCBRADDIF, linux/sockios.h). Takes CAP_NET_ADMIN.
   *
   * @param bridge the bridge's name
   * @throws KvmException with what to do: EPERM without the right, ENODEV if there is no such bridge, EBUSY if the interface is plugged in elsewhere
   */
  public void plugInto(String bridge) {
    requireName(bridge);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = InterfaceCalls.request(arena, bridge);
      request.set(JAVA_INT, InterfaceCalls.VALUE_OFFSET, index);
      InterfaceCalls.control(
          "SIOCBRADDIF",
          NetAbi.SIOCBRADDIF,
          request,
          "It takes CAP_NET_ADMIN, a bridge that is there, and an interface that is in none: as root, ip link set "
              + name
              + " master "
              + bridge
              + ".");
    }
  }

  private static int index(String name) {
    try (Arena arena = Arena.ofConfined()) {
      return ask(arena, name, "SIOCGIFINDEX", NetAbi.SIOCGIFINDEX)
          .get(JAVA_INT, InterfaceCalls.VALUE_OFFSET);
    }
  }

  private MemorySegment ask(Arena arena, String call, int number) {
    return ask(arena, name, call, number);
  }

  private static MemorySegment ask(Arena arena, String name, String call, int number) {
    MemorySegment request = InterfaceCalls.request(arena, name);
    InterfaceCalls.control(
        call, number, request, "The interface is gone, or lies in another network namespace.");
    return request;
  }

  /** The descriptor. */
  public int fd() {
    return fd;
  }

  @Override
  public synchronized void close() {
    int open = fd;
    if (open >= 0) {
      fd = -1;
      Libc.close(open);
    }
  }
}
