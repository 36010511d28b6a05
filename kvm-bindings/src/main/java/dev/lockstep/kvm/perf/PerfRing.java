package dev.lockstep.kvm.perf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.perf_event_header;
import dev.lockstep.kvm.layout.perf_event_mmap_page;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * A counter's pages, shared with the kernel (perf_event_open(2), "MMAP layout"). One thread reads the ring.
 *
 * <p>What the first page says about RDPMC serves code that this process has run natively: Java has no such instruction.
 */
public final class PerfRing {
  /** The kind of a record that tells how many records found no room (PERF_RECORD_LOST). */
  public static final int LOST = 2;

  /** The kind of a record that tells that the kernel stopped sampling for a while, for too many samples (PERF_RECORD_THROTTLE). */
  public static final int THROTTLE = 5;

  /** The kind of a record that tells that it samples again (PERF_RECORD_UNTHROTTLE). */
  public static final int UNTHROTTLE = 6;

  /** The kind of a record that is a sample, of the content that was asked for (PERF_RECORD_SAMPLE). */
  public static final int SAMPLE = 9;

  private static final VarHandle LONG = JAVA_LONG.varHandle();
  private static final VarHandle LOCK = JAVA_INT.varHandle();

  /** cap_user_rdpmc, the third of the bits that share {@code capabilities}. */
  static final long CAP_USER_RDPMC = 1L << 2;

  private static final int PAGE = 4096;

  private final MemorySegment page;
  private final MemorySegment data;

  private PerfRing(MemorySegment page, MemorySegment data) {
    this.page = page;
    this.data = data;
  }

  static PerfRing map(Arena arena, int fd, int dataPages) {
    if (dataPages < 0 || Integer.bitCount(dataPages) > 1 || dataPages > 1 << 16) {
      throw new IllegalArgumentException(
          "a ring has a power of two of pages, at most 65536, or none: not " + dataPages);
    }
    long bytes = (1L + dataPages) * PAGE;
    MemorySegment whole;
    try {
      whole =
          Libc.mmap(
              arena,
              bytes,
              LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE(),
              LinuxKvm.MAP_SHARED(),
              fd,
              0);
    } catch (KvmException e) {
      if (e.errno() == Errno.EPERM) {
        throw new KvmException(
            e.call() + " of a counter's ring",
            fd,
            Errno.EPERM,
            "Raise kernel.perf_event_mlock_kb or the limit on locked memory (ulimit -l), or ask for fewer pages.");
      }
      throw e;
    }
    return new PerfRing(whole.asSlice(0, PAGE), whole.asSlice(PAGE));
  }

  /**
   * How a thread may read its own counter by the RDPMC instruction: the count is {@code offset} plus what counter {@code index} minus 1 holds, sign-extended from {@code width} bits.
   *
   * @param permitted whether the kernel lets user mode execute RDPMC
   * @param index the hardware counter plus 1; 0 while the event has none
   */
  public record Rdpmc(
      boolean permitted, int index, long offset, int width, long nanosEnabled, long nanosRunning) {}

  /** A consistent reading of the first page; the kernel guards it by a sequence count. */
  public Rdpmc rdpmc() {
    while (true) {
      int before = (int) LOCK.getAcquire(page, perf_event_mmap_page.lock$offset());
      Rdpmc read =
          new Rdpmc(
              (perf_event_mmap_page.capabilities(page) & CAP_USER_RDPMC) != 0,
              perf_event_mmap_page.index(page),
              perf_event_mmap_page.offset(page),
              Short.toUnsignedInt(perf_event_mmap_page.pmc_width(page)),
              perf_event_mmap_page.time_enabled(page),
              perf_event_mmap_page.time_running(page));
      VarHandle.loadLoadFence();
      if (before == (int) LOCK.getAcquire(page, perf_event_mmap_page.lock$offset())) {
        return read;
      }
      Thread.onSpinWait();
    }
  }

  /** Bytes in the ring that were not taken yet. */
  public long pending() {
    return head() - perf_event_mmap_page.data_tail(page);
  }

  /** Takes a record of the ring. */
  @FunctionalInterface
  public interface Taker {
    /**
     * @param kind {@link #SAMPLE} or another of PERF_RECORD_*
     * @param misc the record's flags
     * @param content what follows its header, valid during the call
     */
    void take(int kind, int misc, MemorySegment content);
  }

  /** Hands every record in the ring to {@code taker}, in order, and gives their room back; the number of records. */
  public int drain(Taker taker) {
    long head = head();
    long tail = perf_event_mmap_page.data_tail(page);
    int records = 0;
    while (tail < head) {
      MemorySegment header = at(tail, (int) perf_event_header.sizeof());
      int size = Short.toUnsignedInt(perf_event_header.size(header));
      if (size < perf_event_header.sizeof() || size > head - tail) {
        throw new IllegalStateException(
            "a record of %d bytes at %d in a perf ring that ends at %d"
                .formatted(size, tail, head));
      }
      MemorySegment record = at(tail, size);
      taker.take(
          perf_event_header.type(record),
          Short.toUnsignedInt(perf_event_header.misc(record)),
          record.asSlice(perf_event_header.sizeof()));
      tail += size;
      records++;
      LONG.setRelease(page, perf_event_mmap_page.data_tail$offset(), tail);
    }
    return records;
  }

  private long head() {
    return data.byteSize() == 0
        ? 0
        : (long) LONG.getAcquire(page, perf_event_mmap_page.data_head$offset());
  }

  /** Bytes at a position that grows without end; a copy where they wrap. */
  private MemorySegment at(long position, int bytes) {
    long start = position & data.byteSize() - 1;
    if (start + bytes <= data.byteSize()) {
      return data.asSlice(start, bytes);
    }
    MemorySegment whole = MemorySegment.ofArray(new long[(bytes + 7) / 8]).asSlice(0, bytes);
    long first = data.byteSize() - start;
    MemorySegment.copy(data, JAVA_BYTE, start, whole, JAVA_BYTE, 0, first);
    MemorySegment.copy(data, JAVA_BYTE, 0, whole, JAVA_BYTE, first, bytes - first);
    return whole;
  }
}
