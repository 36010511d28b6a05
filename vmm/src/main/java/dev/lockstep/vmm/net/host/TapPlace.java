package dev.lockstep.vmm.net.host;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.net.TapDevice;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which bridge a tap device is plugged into, and whether it lasts longer than its process, remembered beyond the device: the kernel forgets both with the interface, and whoever deletes that by mistake would leave the guest without its network for good. One
 * that was taken out of its bridge while it was there stays outside. Used by one thread at a time.
 */
final class TapPlace {
  /** It may be plugged in, and taken out, at any time. */
  private static final long WATCH_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Consumer<String> notes;
  private final long watchNanos;
  private @Nullable String bridge;

  /** Whether the device stayed when nobody had it open, which nobody but its opener can change. */
  private boolean lasting;

  /** Whether the device is a new one that has yet to come back into the bridge. */
  private boolean outside;

  private boolean told;
  private long watched;

  /**
   * @param notes told in a sentence or two whether a device is back in its bridge
   */
  TapPlace(Consumer<String> notes) {
    this(notes, WATCH_NANOS);
  }

  /** As {@link #TapPlace(Consumer)}, with another time between two looks. */
  TapPlace(Consumer<String> notes, long watchNanos) {
    this.notes = notes;
    this.watchNanos = watchNanos;
  }

  /** A device was opened; if there was one before it goes where that was. */
  void opened(TapDevice tap) {
    outside = bridge != null;
    told = false;
    last(tap);
    look(tap);
  }

  private void last(TapDevice tap) {
    try {
      if (lasting) {
        // Or the next process would find none and make one outside of the bridge.
        tap.setPersistent(true);
      } else {
        lasting = tap.isPersistent();
      }
    } catch (KvmException e) {
      // It was deleted at once, and whoever reads it finds out.
    }
  }

  /** To be called often while the device is open: asks the kernel once a second, which takes microseconds. */
  void watch(TapDevice tap) {
    if (System.nanoTime() - watched >= watchNanos) {
      look(tap);
    }
  }

  /** Sees where the device is, and plugs it in where it should be. */
  void look(TapDevice tap) {
    watched = System.nanoTime();
    Optional<String> now;
    try {
      now = tap.bridge();
    } catch (KvmException e) {
      // It was deleted, and whoever reads it finds out; or the kernel does not say. What was known
      // stays.
      return;
    }
    String wanted = bridge;
    if (outside && wanted != null) {
      if (now.isEmpty()) {
        plug(tap, wanted);
        return;
      }
      back(tap, now.get());
    }
    bridge = now.orElse(null);
  }

  private void plug(TapDevice tap, String wanted) {
    try {
      tap.plugInto(wanted);
      back(tap, wanted);
    } catch (KvmException e) {
      // Tried again at the next look: the bridge may come later, too.
      if (!told) {
        told = true;
        notes.accept(
            "the tap device %s is outside its bridge %s, the guest without its network: %s. %s"
                .formatted(tap.name(), wanted, e.getMessage(), e.advice()));
      }
    }
  }

  private void back(TapDevice tap, String where) {
    outside = false;
    notes.accept("the tap device %s is in bridge %s again".formatted(tap.name(), where));
  }
}
