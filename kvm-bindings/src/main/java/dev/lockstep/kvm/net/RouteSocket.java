package dev.lockstep.kvm.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.lockstep.kvm.DescriptorCalls;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A socket on which the kernel answers questions about the network namespace of the thread that opened it (netlink(7), rtnetlink(7)). Used by one thread; takes no rights. */
final class RouteSocket implements AutoCloseable {
  /** The kernel's answer about one interface has one or two thousand bytes; one that does not fit is cut, and refused for it. */
  private static final int ANSWER_BYTES = 32 << 10;

  private final int fd;
  private int sequence;

  private RouteSocket(int fd) {
    this.fd = fd;
  }

  /**
   * @throws KvmException if the kernel refuses
   */
  static RouteSocket open() {
    // The kernel answers before the question's write returns; if it ever did not, nobody would
    // hang.
    return new RouteSocket(
        InterfaceCalls.socket(
            NetAbi.AF_NETLINK, NetAbi.SOCK_RAW | NetAbi.SOCK_NONBLOCK, RouteAbi.NETLINK_ROUTE));
  }

  /**
   * Asks for an interface.
   *
   * @param index the interface's number, from 1
   * @throws KvmException ENODEV if it is gone; EBADMSG if the answer is not understood
   */
  LinkState link(int index) {
    sequence++;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = arena.allocateFrom(JAVA_BYTE, LinkState.request(sequence, index));
      checked("RTM_GETLINK", DescriptorCalls.write(fd, request, request.byteSize()));
      MemorySegment answer = arena.allocate(ANSWER_BYTES);
      int length = checked("RTM_GETLINK's answer", DescriptorCalls.read(fd, answer, ANSWER_BYTES));
      return LinkState.parse(answer.asSlice(0, length).asByteBuffer(), sequence, index);
    }
  }

  private int checked(String call, long result) {
    return DescriptorCalls.checked(call, fd, (int) result);
  }

  @Override
  public void close() {
    Libc.close(fd);
  }
}
