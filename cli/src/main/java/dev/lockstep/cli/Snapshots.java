package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MemorySize;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.OutputConsumer;
import dev.lockstep.vmm.machine.SnapshotInfo;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Takes a machine's snapshot: the guest stands still while its state is written and its disks are copied, so that both
 * belong together. One snapshot a command.
 */
final class Snapshots {
  private final Machine machine;
  private final MachineConfig config;
  private final MachineFolder folder;
  private final byte @Nullable [] when;
  private final PrintStream err;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final CompletableFuture<@Nullable Void> done = new CompletableFuture<>();

  Snapshots(
      Machine machine,
      MachineConfig config,
      MachineFolder folder,
      @Nullable String when,
      PrintStream err) {
    this.machine = machine;
    this.config = config;
    this.folder = folder;
    this.when = when == null ? null : when.getBytes(StandardCharsets.UTF_8);
    this.err = err;
  }

  /** Whether it is to be taken when the user leaves. */
  boolean onLeave() {
    return when == null && !taken.get();
  }

  /** Looks at what the guest puts out on a stream, for the text that says when. */
  OutputConsumer watching(OutputConsumer next, int stream) {
    byte[] text = when;
    if (text == null || text.length == 0) {
      return next;
    }
    TextMatch match = new TextMatch(text);
    return (from, offset, bytes) -> {
      next.accept(from, offset, bytes);
      if (from == stream && match.feed(bytes)) {
        take(machine::resume);
      }
    };
  }

  /**
   * Takes the snapshot on a thread of its own, if it was not taken yet.
   *
   * @param then with the machine paused afterwards
   */
  void take(Runnable then) {
    if (!taken.compareAndSet(false, true)) {
      return;
    }
    // Asked for at once, so that the guest stands where it was seen.
    CompletableFuture<Void> paused = machine.pause();
    Thread.ofVirtual()
        .name("snapshot")
        .start(() -> {
          try {
            paused.get();
            SnapshotInfo info = machine.snapshot(folder.state()).get();
            folder.keep(config);
            err.println(
                "lockstep: snapshot in '%s' (%s)"
                    .formatted(folder.state().getParent(), MemorySize.format(info.bytes())));
            done.complete(null);
            then.run();
          } catch (ExecutionException e) {
            fail(e.getCause() == null ? e : e.getCause());
          } catch (InterruptedException | RuntimeException e) {
            fail(e);
          }
        });
  }

  /**
   * To be called when the machine has ended: waits for a snapshot that is being taken.
   *
   * @throws VmmException if it failed, or the text that says when never came
   */
  void conclude() {
    byte[] text = when;
    if (!taken.get()) {
      if (text == null) {
        err.println("lockstep: the guest ended before a snapshot was taken");
        return;
      }
      throw new VmmException(
          "no snapshot was taken: the console never showed '%s'"
              .formatted(new String(text, StandardCharsets.UTF_8)),
          "Look at what it shows, and give a text of that.");
    }
    try {
      done.get();
    } catch (ExecutionException e) {
      throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the command was interrupted", "Run it again.", e);
    }
  }

  /** A guest whose snapshot failed goes on; {@link #conclude} tells. */
  private void fail(Throwable e) {
    err.println("lockstep: the snapshot failed: " + e.getMessage());
    done.completeExceptionally(e);
    machine.resume();
  }

  /** Finds a text in a stream that comes in pieces. */
  static final class TextMatch {
    private final byte[] text;
    private final int[] fallback;
    private int matched;

    TextMatch(byte[] text) {
      this.text = text;
      this.fallback = new int[text.length];
      for (int i = 1, length = 0; i < text.length; i++) {
        while (length > 0 && text[i] != text[length]) {
          length = fallback[length - 1];
        }
        if (text[i] == text[length]) {
          length++;
        }
        fallback[i] = length;
      }
    }

    /** Whether the text is complete with these bytes, for the first time. */
    boolean feed(byte[] bytes) {
      for (byte value : bytes) {
        if (matched == text.length) {
          return false;
        }
        while (matched > 0 && value != text[matched]) {
          matched = fallback[matched - 1];
        }
        if (value == text[matched]) {
          matched++;
        }
        if (matched == text.length) {
          return true;
        }
      }
      return false;
    }
  }
}
