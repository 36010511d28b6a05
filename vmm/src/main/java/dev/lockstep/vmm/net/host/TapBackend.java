package dev.lockstep.vmm.net.host;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.net.TapDevice;
import dev.lockstep.vmm.net.Frames;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A tap device of this host. While its interface is down, what is sent is lost. */
public final class TapBackend implements NetworkBackend {
  /** More than any frame, so that one that is too long is seen to be. */
  private static final int BUFFER_BYTES = 1 << 16;

  private static final long DOWN_NANOS = 50_000_000;

  private final TapDevice tap;
  private final TapPlace place;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment receiving = arena.allocate(BUFFER_BYTES);
  private final MemorySegment sending = arena.allocate(Frames.MAX_FRAME_BYTES);
  private boolean closed;

  private TapBackend(TapDevice tap, TapPlace place) {
    this.tap = tap;
    this.place = place;
  }

  /**
   * Opens a tap device as often as it is asked to; one that has taken the place of a deleted one goes back into its bridge, and lasts if that did. Each time it opens the device that exists, or makes one that lasts as long as it is
   * open; the interface is set up if it is not and this process may. It throws a {@link VmmException} if it cannot be opened.
   *
   * @param notes told in a sentence or two whether it is back in its bridge
   */
  public static Supplier<NetworkBackend> opener(String name, Consumer<String> notes) {
    TapPlace place = new TapPlace(notes);
    return () -> open(name, place);
  }

  /** As {@link #opener} says. */
  static TapBackend open(String name, TapPlace place) {
    TapDevice tap;
    try {
      tap = TapDevice.open(name);
    } catch (KvmException e) {
      throw new VmmException(String.valueOf(e.getMessage()), e.advice(), e);
    } catch (IllegalArgumentException e) {
      throw new VmmException(String.valueOf(e.getMessage()), "Give a tap device's name.", e);
    }
    try {
      if (!tap.isUp()) {
        tap.up();
      }
    } catch (KvmException e) {
      tap.close();
      throw new VmmException(
          "the tap device %s is down and cannot be set up: %s".formatted(name, e.getMessage()),
          e.advice(),
          e);
    }
    // Now and not before: 'lockstep net up' sets a device up when it is in its bridge, and it is
    // not to be told that it is outside before that.
    place.opened(tap);
    return new TapBackend(tap, place);
  }

  @Override
  public byte @Nullable [] receive(int timeoutMillis, int maxBytes) throws IOException {
    try {
      place.watch(tap);
      if (tap.await(timeoutMillis) <= 0) {
        return null;
      }
      return read(maxBytes);
    } catch (KvmException e) {
      throw gone(e);
    }
  }

  private byte @Nullable [] read(int maxBytes) {
    byte[] packed = new byte[maxBytes];
    int size = 0;
    while (maxBytes - size >= Frames.LENGTH_BYTES + Frames.MAX_FRAME_BYTES) {
      int length = tap.read(receiving);
      if (length == -Errno.EIO) {
        // The interface is down, which a descriptor that can always be read does not tell.
        LockSupport.parkNanos(DOWN_NANOS);
      }
      if (length < 0) {
        break;
      }
      if (Frames.fits(length)) {
        Frames.putLength(packed, size, length);
        MemorySegment.copy(receiving, JAVA_BYTE, 0, packed, size + Frames.LENGTH_BYTES, length);
        size += Frames.LENGTH_BYTES + length;
      }
    }
    return size == 0 ? null : Arrays.copyOf(packed, size);
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
