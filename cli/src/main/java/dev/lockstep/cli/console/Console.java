package dev.lockstep.cli.console;

import dev.lockstep.ft.console.Typist;
import dev.lockstep.vmm.machine.OutputConsumer;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The guest's console on standard input and output. Output bytes go out as they come, without a buffer. Input is read on
 * threads of its own until it ends; an end of the input is not an end of the machine.
 */
public final class Console implements OutputConsumer, AutoCloseable {
  /** Who gets what is typed. Called on the console's thread. */
  public interface Listener {
    /**
     * Bytes for the guest.
     *
     * @return false if it cannot take them now: they are offered again
     */
    boolean typed(byte[] bytes);

    /** A command for the console. */
    void action(ConsoleAction action);
  }

  /** Most bytes in one piece; small, so that a pasted text is no long block of inputs. */
  private static final int CHUNK = 1024;

  private static final int QUEUED_CHUNKS = 4;

  /** Stands for the end of the input in the queue. */
  private static final byte[] END = {};

  private final TerminalMode mode;
  private final InputStream in;
  private final OutputStream out;
  private final PrintStream notes;
  private final int stream;
  private final BlockingQueue<byte[]> typed = new ArrayBlockingQueue<>(QUEUED_CHUNKS);
  private volatile boolean closed;
  private volatile @Nullable IOException outputFailure;
  private @Nullable Runnable onOutputFailure;

  /**
   * A console on this process's standard input and output.
   *
   * @param stream the machine's output stream to show
   */
  public static Console open(TerminalMode mode, int stream, PrintStream notes) {
    return new Console(
        mode,
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        stream,
        notes);
  }

  Console(TerminalMode mode, InputStream in, OutputStream out, int stream, PrintStream notes) {
    this.mode = mode;
    this.in = in;
    this.out = out;
    this.stream = stream;
    this.notes = notes;
  }

  /** Begins to read. Keys of the escape menu have a meaning on a terminal only; a pipe's bytes all go to the guest. */
  public void start(Listener listener) {
    Thread.ofPlatform().daemon().name("console-read").start(this::read);
    Thread.ofPlatform().daemon().name("console-keys").start(() -> dispatch(listener));
  }

  /** What to do when standard output takes no more; called once, on the thread that wrote. */
  public void onOutputFailure(Runnable action) {
    onOutputFailure = action;
  }

  /** Why output was lost, if it was. */
  public @Nullable IOException outputFailure() {
    return outputFailure;
  }

  @Override
  public void accept(int fromStream, long offset, byte[] bytes) {
    if (fromStream != stream || outputFailure != null) {
      return;
    }
    try {
      out.write(bytes);
      out.flush();
    } catch (IOException e) {
      outputFailure = e;
      Runnable action = onOutputFailure;
      if (action != null) {
        action.run();
      }
    }
  }

  /** A line about the machine, apart from what the guest shows. */
  public void note(String text) {
    notes.print(mode.isTerminal() ? "\r\n" + text + "\r\n" : text + "\n");
    notes.flush();
  }

  /** Reads no more. Standard output stays open. */
  @Override
  public void close() {
    closed = true;
    typed.offer(END);
  }

  private void read() {
    byte[] buffer = new byte[CHUNK];
    try {
      while (!closed) {
        int count = in.read(buffer);
        if (count < 0) {
          break;
        }
        typed.put(Arrays.copyOf(buffer, count));
      }
      typed.put(END);
    } catch (IOException | InterruptedException _) {
      // Standard input is gone: as at its end.
      typed.offer(END);
    }
  }

  private void dispatch(Listener listener) {
    EscapeKeys keys = new EscapeKeys();
    try {
      while (!closed) {
        byte[] bytes =
            keys.pending()
                ? typed.poll(EscapeKeys.LEAVE_AFTER_MILLIS, TimeUnit.MILLISECONDS)
                : typed.take();
        if (bytes == null) {
          listener.action(keys.timeOut());
        } else if (bytes.length == 0) {
          return;
        } else if (mode.isTerminal()) {
          EscapeKeys.Result result = keys.type(bytes, bytes.length);
          give(listener, result.forGuest());
          result.actions().forEach(listener::action);
        } else {
          give(listener, bytes);
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void give(Listener listener, byte[] bytes) throws InterruptedException {
    new Typist(listener::typed).type(bytes, () -> !closed);
  }

  /** What the escape key offers. */
  public static String help() {
    return "lockstep: Ctrl-] or q leaves, d sends Ctrl-Alt-Del, s shows the state, w writes the snapshot, ] sends Ctrl-], any other key goes back; leaving in %d s"
        .formatted(EscapeKeys.LEAVE_AFTER_MILLIS / 1000);
  }
}
