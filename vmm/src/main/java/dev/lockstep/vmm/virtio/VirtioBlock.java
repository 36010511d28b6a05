package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * virtio block device (virtio 1.2, section 5.2).
 *
 * <p>A request is taken from the ring when the driver notifies; what is to be written is copied
 * then. It leaves as a {@link DiskRequest} and is finished by the input event {@link #complete},
 * which alone touches the guest: so the guest's future depends on the event's point and status and
 * on the disk's contents, not on when the host was done. Requests that complete at one boundary have
 * an event each, since a replica may get only the first of them; the guest is interrupted once, since
 * it does not run between them.
 *
 * <p>Requests without a completion are part of the state. After a restore, or when a replica goes
 * live, {@link #resubmit} hands them out again. The state is saved with the backend drained, since
 * what a request has read must not be read again after a later write.
 */
public final class VirtioBlock extends VirtioDevice {
  /** Bytes of requests without completion from which on no more are taken from the ring. */
  public static final int MAX_IN_FLIGHT_BYTES = 32 << 20;

  /** Bytes of data in the longest request that is accepted. */
  public static final int MAX_REQUEST_BYTES = 8 << 20;

  private static final int DEVICE_ID = 2;
  private static final int CLASS_STORAGE = 0x01_00_00;
  private static final int QUEUE_SIZE = 128;
  private static final int SEGMENTS_MAX = QUEUE_SIZE - 2;
  private static final int SEGMENT_BYTES_MAX = 64 << 10;
  private static final int ZEROES_SECTORS_MAX = 64 << 11;

  private static final long F_SIZE_MAX = 1 << 1;
  private static final long F_SEG_MAX = 1 << 2;
  private static final long F_READ_ONLY = 1 << 5;
  private static final long F_BLK_SIZE = 1 << 6;
  private static final long F_FLUSH = 1 << 9;
  private static final long F_WRITE_ZEROES = 1 << 14;

  private static final int T_IN = 0;
  private static final int T_OUT = 1;
  private static final int T_FLUSH = 4;
  private static final int T_GET_ID = 8;
  private static final int T_WRITE_ZEROES = 13;

  private static final int STATUS_OK = 0;
  private static final int STATUS_IO_ERROR = 1;
  private static final int STATUS_UNSUPPORTED = 2;

  private static final int HEADER_BYTES = 16;
  private static final int ID_BYTES = 20;
  private static final int EXECUTED_VERSION = 1;
  private static final long END_OF_EXECUTED = -1;
  private static final byte[] NO_BYTES = {};
  private static final int ZEROES_SEGMENT_BYTES = 16;
  private static final int ZEROES_FLAGS_KNOWN = 1;

  /** A request that the guest waits for: how to return it. */
  private record InFlight(DiskRequest request, int head, Segments writable) {}

  private final int index;
  private final GuestMemory memory;
  private final long sectors;
  private final boolean readOnly;
  private final Consumer<DiskRequest> backend;

  /** In the order of submission. They are executed in it, so that who looks for one finds it near the start. */
  private final List<InFlight> inFlight = new ArrayList<>(QUEUE_SIZE);

  private final byte[] header = new byte[HEADER_BYTES];
  private long inFlightBytes;
  private long nextRequestId;
  private long features;

  /**
   * A disk without requests.
   *
   * @param index which of the machine's disks it is, for its name
   * @param memory where buffers are
   * @param sizeBytes of the disk; a multiple of the sector size
   * @param readOnly whether writes are refused
   * @param backend takes requests, in order
   */
  public VirtioBlock(
      int index,
      GuestMemory memory,
      long sizeBytes,
      boolean readOnly,
      Consumer<DiskRequest> backend) {
    this.index = index;
    this.memory = memory;
    this.sectors = sizeBytes / BlockStore.SECTOR_BYTES;
    this.readOnly = readOnly;
    this.backend = backend;
  }

  @Override
  String kind() {
    return "disk%d".formatted(index);
  }

  @Override
  int deviceId() {
    return DEVICE_ID;
  }

  @Override
  int pciClass() {
    return CLASS_STORAGE;
  }

  @Override
  long features() {
    long offered = F_SIZE_MAX | F_SEG_MAX | F_BLK_SIZE | F_FLUSH;
    return offered | (readOnly ? F_READ_ONLY : F_WRITE_ZEROES);
  }

  @Override
  int[] queueSizes() {
    return new int[] {QUEUE_SIZE};
  }

  @Override
  int readConfig(int offset) {
    int aligned = offset & ~3;
    int word =
        switch (aligned) {
          case 0 -> (int) sectors;
          case 4 -> (int) (sectors >>> 32);
          case 8 -> SEGMENT_BYTES_MAX;
          case 12 -> SEGMENTS_MAX;
          case 20 -> BlockStore.SECTOR_BYTES;
          case 48 -> readOnly ? 0 : ZEROES_SECTORS_MAX;
          case 52 -> readOnly ? 0 : 1;
          default -> 0;
        };
    return word >>> 8 * (offset - aligned) & 0xff;
  }

  @Override
  void activate(long accepted) {
    features = accepted;
  }

  @Override
  void reset() {
    // The host finishes what it has; without an entry here a completion changes nothing any more.
    inFlight.clear();
    inFlightBytes = 0;
    features = 0;
  }

  @Override
  void notified(int queue) {
    takeRequests();
  }

  private void takeRequests() {
    Virtqueue queue = queue(0);
    while (inFlightBytes < MAX_IN_FLIGHT_BYTES) {
      DescriptorChain chain = queue.pop();
      if (chain == null) {
        break;
      }
      take(queue, chain);
    }
    queue.endBatch();
  }

  private void take(Virtqueue queue, DescriptorChain chain) {
    if (chain.readableBytes() < HEADER_BYTES || chain.writableBytes() < 1) {
      queue.violated("a request has no room for its header or its status");
      return;
    }
    chain.gather(memory, 0, header, HEADER_BYTES);
    int type = (int) little(header, 0, 4);
    long sector = little(header, 8, 8);
    switch (type) {
      case T_IN -> read(chain, sector);
      case T_OUT -> write(chain, sector);
      case T_FLUSH -> submit(chain, DiskRequest.Operation.FLUSH, 0, 0, null);
      case T_GET_ID -> identify(chain);
      case T_WRITE_ZEROES -> writeZeroes(chain);
      default -> finish(chain.head(), chain.writable(), null, STATUS_UNSUPPORTED);
    }
  }

  private void read(DescriptorChain chain, long sector) {
    long bytes = chain.writableBytes() - 1;
    if (acceptable(sector, bytes)) {
      submit(
          chain, DiskRequest.Operation.READ, sector * BlockStore.SECTOR_BYTES, (int) bytes, null);
    } else {
      refuse(chain);
    }
  }

  private void write(DescriptorChain chain, long sector) {
    long bytes = chain.readableBytes() - HEADER_BYTES;
    if (readOnly || !acceptable(sector, bytes)) {
      refuse(chain);
      return;
    }
    byte[] data = chain.gather(memory, HEADER_BYTES, (int) bytes);
    // A driver that cannot flush must find what it wrote durable (section 5.2.6.2).
    submit(
        chain,
        flushes() ? DiskRequest.Operation.WRITE : DiskRequest.Operation.WRITE_THROUGH,
        sector * BlockStore.SECTOR_BYTES,
        data.length,
        data);
  }

  private boolean flushes() {
    return (features & F_FLUSH) != 0;
  }

  private boolean acceptable(long sector, long bytes) {
    return bytes > 0
        && bytes <= MAX_REQUEST_BYTES
        && bytes % BlockStore.SECTOR_BYTES == 0
        && inside(sector, bytes / BlockStore.SECTOR_BYTES);
  }

  private boolean inside(long sector, long count) {
    return sector >= 0 && count <= sectors && sector <= sectors - count;
  }

  private void identify(DescriptorChain chain) {
    if (chain.writableBytes() - 1 < ID_BYTES) {
      refuse(chain);
      return;
    }
    byte[] id = new byte[ID_BYTES];
    String name = kind();
    for (int i = 0; i < name.length(); i++) {
      id[i] = (byte) name.charAt(i);
    }
    finish(chain.head(), chain.writable(), id, STATUS_OK);
  }

  private void writeZeroes(DescriptorChain chain) {
    if ((features & F_WRITE_ZEROES) == 0) {
      finish(chain.head(), chain.writable(), null, STATUS_UNSUPPORTED);
      return;
    }
    if (chain.readableBytes() != HEADER_BYTES + ZEROES_SEGMENT_BYTES) {
      refuse(chain);
      return;
    }
    byte[] segment = chain.gather(memory, HEADER_BYTES, ZEROES_SEGMENT_BYTES);
    long sector = little(segment, 0, 8);
    long count = little(segment, 8, 4);
    long flags = little(segment, 12, 4);
    if ((flags & ~ZEROES_FLAGS_KNOWN) != 0) {
      finish(chain.head(), chain.writable(), null, STATUS_UNSUPPORTED);
    } else if (count > 0 && count <= ZEROES_SECTORS_MAX && inside(sector, count)) {
      submit(
          chain,
          DiskRequest.Operation.WRITE_ZEROES,
          sector * BlockStore.SECTOR_BYTES,
          (int) count * BlockStore.SECTOR_BYTES,
          null);
    } else {
      refuse(chain);
    }
  }

  private void refuse(DescriptorChain chain) {
    finish(chain.head(), chain.writable(), null, STATUS_IO_ERROR);
  }

  private void submit(
      DescriptorChain chain,
      DiskRequest.Operation operation,
      long offset,
      int length,
      byte @Nullable [] data) {
    DiskRequest request = new DiskRequest(nextRequestId++, operation, offset, length, data);
    add(new InFlight(request, chain.head(), chain.writable().copy()));
    backend.accept(request);
  }

  private void add(InFlight entry) {
    inFlight.add(entry);
    inFlightBytes += heldBytes(entry.request());
  }

  /** What a request holds of the host's memory. */
  private static long heldBytes(DiskRequest request) {
    return request.operation() == DiskRequest.Operation.WRITE_ZEROES ? 0 : request.length();
  }

  /**
   * Input event: a request has completed. The request must be executed by then; of a read with
   * status {@link DiskStatus#OK}, the guest gets what this replica has read.
   *
   * @param requestId which
   * @param status the status that the guest sees: the primary's
   * @return false if the guest no longer waits for it, having reset the device; then nothing
   *     happened
   * @throws IllegalStateException if it is not executed yet
   * @throws VmmException if it completed well on the primary, but this replica's own disk failed
   */
  public boolean complete(long requestId, DiskStatus status) {
    InFlight entry = find(requestId);
    if (entry == null) {
      return false;
    }
    DiskRequest request = entry.request();
    if (!request.isExecuted()) {
      throw new IllegalStateException(
          "%s of %s completed before it was executed".formatted(request, kind()));
    }
    if (status == DiskStatus.OK && request.status() != DiskStatus.OK) {
      throw ownFailure(request);
    }
    inFlight.remove(entry);
    inFlightBytes -= heldBytes(request);
    boolean givesData =
        status == DiskStatus.OK && request.operation() == DiskRequest.Operation.READ;
    finish(
        entry.head(),
        entry.writable(),
        givesData ? request.data() : null,
        status == DiskStatus.OK ? STATUS_OK : STATUS_IO_ERROR);
    takeRequests();
    return true;
  }

  private VmmException ownFailure(DiskRequest request) {
    Exception cause = request.failure();
    String message =
        "%s of %s failed on this replica, but not on the primary: %s"
            .formatted(request, kind(), cause == null ? "unknown" : cause.getMessage());
    String advice = "Check this replica's disk image and its host, then let it join again.";
    return cause == null
        ? new VmmException(message, advice)
        : new VmmException(message, advice, cause);
  }

  /** Writes data and status to the guest and returns the buffer. */
  private void finish(int head, Segments writable, byte @Nullable [] data, int status) {
    Virtqueue queue = queue(0);
    if (!queue.live()) {
      return;
    }
    int written = 1;
    if (data != null) {
      DescriptorChain.scatter(memory, writable, data);
      written += data.length;
    }
    int last = writable.size() - 1;
    memory.write8(writable.address(last) + writable.length(last) - 1, status);
    queue.push(head, written);
  }

  /** The requests that the guest waits for, in the order of submission. */
  public List<DiskRequest> inFlight() {
    List<DiskRequest> requests = new ArrayList<>();
    for (InFlight entry : inFlight) {
      requests.add(entry.request());
    }
    return requests;
  }

  /** The request with an id, or null if the guest does not wait for such a one. */
  public @Nullable DiskRequest inFlight(long requestId) {
    InFlight entry = find(requestId);
    return entry == null ? null : entry.request();
  }

  private @Nullable InFlight find(long requestId) {
    for (int i = 0; i < inFlight.size(); i++) {
      if (inFlight.get(i).request().id() == requestId) {
        return inFlight.get(i);
      }
    }
    return null;
  }

  /** The first request that is executed and that the guest waits for, or null. Asked at every boundary. */
  public @Nullable DiskRequest firstExecuted() {
    for (int i = 0; i < inFlight.size(); i++) {
      DiskRequest request = inFlight.get(i).request();
      if (request.isExecuted()) {
        return request;
      }
    }
    return null;
  }

  /** Whether the guest waits for any request. */
  public boolean isBusy() {
    return !inFlight.isEmpty();
  }

  /**
   * After a restore: hands every request that the guest waits for to the backend, in order. One
   * that was executed before is only reported.
   */
  public void resubmit() {
    inFlight().forEach(backend);
  }

  /**
   * Saves what the guest's future depends on, whatever the host has done so far: a request that
   * waits is the same on every replica.
   */
  @Override
  void save(StateWriter out) {
    out.number("nextRequestId", nextRequestId)
        .number("features", features)
        .number("inFlight", inFlight.size());
    for (InFlight entry : inFlight) {
      DiskRequest request = entry.request();
      boolean read = request.operation() == DiskRequest.Operation.READ;
      byte[] data = read ? null : request.data();
      out.number("request.id", request.id())
          .number("request.operation", request.operation().ordinal())
          .number("request.offset", request.offset())
          .number("request.length", request.length())
          .bytes("request.data", data == null ? NO_BYTES : data)
          .number("request.head", entry.head())
          .numbers("request.segments", entry.writable().toNumbers());
    }
  }

  @Override
  void restore(StateReader in) {
    inFlight.clear();
    inFlightBytes = 0;
    nextRequestId = in.number("nextRequestId");
    features = in.number("features");
    int count = in.integer("inFlight", 0, QUEUE_SIZE);
    for (int i = 0; i < count; i++) {
      restoreRequest(in);
    }
  }

  private void restoreRequest(StateReader in) {
    long id = in.number("request.id");
    DiskRequest.Operation[] operations = DiskRequest.Operation.values();
    DiskRequest.Operation operation =
        operations[in.integer("request.operation", 0, operations.length - 1)];
    long offset = in.number("request.offset");
    int length = in.integer("request.length", 0, Integer.MAX_VALUE);
    byte[] data = in.bytes("request.data");
    int head = in.integer("request.head", 0, 0xffff);
    Segments writable = Segments.restore(in, "request.segments", memory);
    if (writable.isEmpty()) {
      throw in.unfit("request.segments", "has no room for the status");
    }
    if (find(id) != null) {
      throw in.unfit("request.id", "is that of another request too: %d".formatted(id));
    }
    try {
      DiskRequest request =
          new DiskRequest(id, operation, offset, length, data.length == 0 ? null : data);
      add(new InFlight(request, head, writable));
    } catch (IllegalArgumentException e) {
      throw in.unfit("request.data", "does not belong to its request: " + e.getMessage());
    }
  }

  /**
   * Saves what the host has already done for the requests that the guest waits for: what was read
   * must not be read again after a later write. With the backend drained, that is all of them.
   * Belongs to a snapshot together with the disk's contents, but not to what replicas compare.
   */
  public DeviceState saveExecuted() {
    StateWriter out = new StateWriter(executedKind(), EXECUTED_VERSION);
    for (InFlight entry : inFlight) {
      DiskRequest request = entry.request();
      DiskStatus status = request.status();
      if (status != null) {
        boolean read = request.operation() == DiskRequest.Operation.READ;
        byte[] data = read ? request.data() : null;
        out.number("id", request.id())
            .number("status", status.ordinal())
            .bytes("data", data == null ? NO_BYTES : data);
      }
    }
    return out.number("id", END_OF_EXECUTED).state();
  }

  /**
   * After {@link VirtioPci#restore} and before {@link #resubmit}: marks as executed what was when
   * the state was saved.
   */
  public void restoreExecuted(DeviceState state) {
    StateReader in = state.reader(executedKind(), EXECUTED_VERSION);
    for (long id = in.number("id"); id != END_OF_EXECUTED; id = in.number("id")) {
      InFlight entry = find(id);
      if (entry == null) {
        throw in.unfit("id", "names request %d, for which nobody waits".formatted(id));
      }
      DiskRequest request = entry.request();
      int status = in.integer("status", 0, DiskStatus.values().length - 1);
      byte[] data = in.bytes("data");
      boolean read = request.operation() == DiskRequest.Operation.READ;
      boolean gaveData = read && status == DiskStatus.OK.ordinal();
      if (data.length != (gaveData ? request.length() : 0)) {
        throw in.unfit("data", "has %d bytes for %s".formatted(data.length, request));
      }
      request.executedBefore(DiskStatus.values()[status], gaveData ? data : null);
    }
    in.end();
  }

  private String executedKind() {
    return kind() + ".executed";
  }

  private static long little(byte[] bytes, int at, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (bytes[at + i] & 0xffL) << 8 * i;
    }
    return value;
  }
}
