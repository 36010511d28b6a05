package dev.lockstep.cli.console;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mode of the terminal on standard input, switched by stty(1): every key reaches the guest, none is echoed here. The
 * former mode comes back at {@link #close}, and when the JVM ends by a signal.
 */
public final class TerminalMode implements AutoCloseable {
  private static final Path STANDARD_INPUT = Path.of("/proc/self/fd/0");

  private final @Nullable String former;
  private final @Nullable Thread hook;
  private boolean restored;

  private TerminalMode(@Nullable String former) {
    this.former = former;
    this.hook = former == null ? null : new Thread(this::restore, "restore-terminal");
  }

  /**
   * Makes the terminal raw; does nothing where standard input is none.
   *
   * @throws VmmException if it is one but cannot be switched
   */
  public static TerminalMode raw() {
    String former = isNoTerminal() ? null : stty("-g");
    TerminalMode mode = new TerminalMode(former);
    if (former != null) {
      Runtime.getRuntime().addShutdownHook(mode.hook);
      if (stty("raw", "-echo") == null) {
        mode.close();
        throw new VmmException(
            "the terminal cannot be made raw: stty failed",
            "Run it with standard input from a file or a pipe, or with </dev/null.");
      }
    }
    return mode;
  }

  /** Whether standard input is a terminal. */
  public boolean isTerminal() {
    return former != null;
  }

  @Override
  public void close() {
    restore();
    if (hook != null) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException _) {
        // The JVM is on its way out; the hook finds nothing left to do.
      }
    }
  }

  private synchronized void restore() {
    if (former != null && !restored) {
      restored = true;
      stty(former);
    }
  }

  /** Whether it is known without asking stty, which takes as long as a small machine's start. */
  private static boolean isNoTerminal() {
    try {
      String name = Files.readSymbolicLink(STANDARD_INPUT).toString();
      return name.equals("/dev/null") || name.startsWith("pipe:") || name.startsWith("socket:");
    } catch (IOException _) {
      return false;
    }
  }

  /** Runs stty on standard input; null if it fails, as it does where that is no terminal. */
  private static @Nullable String stty(String... arguments) {
    List<String> command = new ArrayList<>(List.of("stty"));
    command.addAll(List.of(arguments));
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectInput(ProcessBuilder.Redirect.INHERIT)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
      return process.waitFor() == 0 ? output : null;
    } catch (IOException _) {
      return null;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return null;
    }
  }
}
