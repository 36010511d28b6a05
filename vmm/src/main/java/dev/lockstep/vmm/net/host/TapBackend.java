package dev.lockstep.vmm.net.host;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.net.Offload;
import dev.lockstep.kvm.net.TapDevice;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.OffloadHeader;
import dev.lockstep.vmm.net.Offloads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A tap device of this host. While its interface is down, what is sent is lost, and so is what its kernel takes for no frame. */
public final class TapBackend implements NetworkBackend {
  /** More than any frame, so that one that is too long is seen to be. */
  private static final int BUFFER_BYTES = 1 << 17;

  private static final long DOWN_NANOS = 50_000_000;

  private final TapDevice tap;
  private final TapPlace place;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment receiving = arena.allocate(BUFFER_BYTES);
  private final MemorySegment sending = arena.allocate(Frames.MAX_PACKED_FRAME_BYTES);
  private final boolean headers;
  private byte[] packed = {};

  /** The length of a frame that was read and did not fit any more; 0 if there is none. */
  private int kept;

  private boolean closed;

  private TapBackend(TapDevice tap, TapPlace place, boolean headers) {
    this.tap = tap;
    this.place = place;
    this.headers = headers;
  }

  /**
   * Opens a tap device as often as it is asked to; one that has taken the place of a deleted one goes back into its bridge, and lasts if that did. Each time it opens the device that exists, or makes one that lasts as long as it is
   * open; the interface is set up if it is not and this process may. It throws a {@link VmmException} if it cannot be opened.
   *
   * @param headers whether frames go behind {@link OffloadHeader}s
   * @param notes told in a sentence or two whether it is back in its bridge
   */
  public static Supplier<NetworkBackend> opener(
      String name, boolean headers, Consumer<String> notes) {
    TapPlace place = new TapPlace(notes);
    return () -> open(name, headers, place);
  }

  /** As {@link #opener} says. */
  static TapBackend open(String name, boolean headers, TapPlace place) {
    TapDevice tap;
    try {
      tap =
          headers
              ? TapDevice.openWithVirtioHeaders(name, OffloadHeader.BYTES)
              : TapDevice.open(name);
    } catch (KvmException e) {
      throw new VmmException(String.valueOf(e.getMessage()), e.advice(), e);
    } catch (IllegalArgumentException e) {
      throw new VmmException(String.valueOf(e.getMessage()), "Give a tap device's name.", e);
    }
    try {
      // A device that lasts keeps what the last who had it open took over, and would give frames as
      // they were for him.
      tap.offload(Set.of());
      if (!tap.isUp()) {
        tap.up();
      }
    } catch (KvmException e) {
      tap.close();
      throw new VmmException(
          "the tap device %s cannot be set up: %s".formatted(name, e.getMessage()), e.advice(), e);
    }
    // Now and not before: 'lockstep net up' sets a device up when it is in its bridge, and it is
    // not to be told that it is outside before that.
    place.opened(tap);
    return new TapBackend(tap, place, headers);
  }

  @Override
  public boolean hasHeaders() {
    return headers;
  }

  @Override
  public void offload(Offloads offloads) throws IOException {
    if (!headers) {
      return;
    }
    Set<Offload> set = EnumSet.noneOf(Offload.class);
    add(set, Offload.CHECKSUM, offloads.checksum());
    add(set, Offload.TSO4, offloads.tcp4());
    add(set, Offload.TSO6, offloads.tcp6());
    add(set, Offload.TSO_ECN, offloads.ecn());
    try {
      tap.offload(set);
    } catch (KvmException e) {
      throw gone(e);
    }
  }

  private static void add(Set<Offload> set, Offload offload, boolean wanted) {
    if (wanted) {
      set.add(offload);
    }
  }

  @Override
  public byte @Nullable [] receive(int timeoutMillis, int maxBytes) throws IOException {
    try {
      place.watch(tap);
      if (kept == 0 && tap.await(timeoutMillis) <= 0) {
        return null;
      }
      return read(maxBytes);
    } catch (KvmException e) {
      throw gone(e);
    }
  }

  private byte @Nullable [] read(int maxBytes) {
    if (packed.length < maxBytes) {
      packed = new byte[maxBytes];
    }
    int size = 0;
    while (true) {
      int length = kept > 0 ? kept : tap.read(receiving);
      kept = 0;
      if (length == -Errno.EIO) {
        // The interface is down, which a descriptor that can always be read does not tell.
        LockSupport.parkNanos(DOWN_NANOS);
      }
      if (length < 0) {
        break;
      }
      if (!isFrame(length)) {
        continue;
      }
      if (maxBytes - size < Frames.LENGTH_BYTES + length) {
        kept = size == 0 ? 0 : length;
        break;
      }
      Frames.putLength(packed, size, length);
      MemorySegment.copy(receiving, JAVA_BYTE, 0, packed, size + Frames.LENGTH_BYTES, length);
      size += Frames.LENGTH_BYTES + length;
    }
    return size == 0 ? null : Arrays.copyOf(packed, size);
  }

  private boolean isFrame(int length) {
    return headers
        ? length >= OffloadHeader.BYTES + Frames.MIN_FRAME_BYTES
            && length <= Frames.MAX_PACKED_FRAME_BYTES
        : length >= Frames.MIN_FRAME_BYTES && length <= Frames.MAX_FRAME_BYTES;
  }

  @Override
  public synchronized boolean send(byte[] packed, int at, int length) throws IOException {
    if (closed) {
      return false;
    }
    MemorySegment.copy(packed, at, sending, JAVA_BYTE, 0, length);
    try {
      return tap.write(sending, length) >= 0;
    } catch (KvmException e) {
      throw gone(e);
    }
  }

  private IOException gone(KvmException e) {
    return new IOException(
        "the tap device %s is gone: %s".formatted(tap.name(), e.getMessage()), e);
  }

  /** Must not be called while another thread receives. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      tap.close();
      arena.close();
    }
  }
}
