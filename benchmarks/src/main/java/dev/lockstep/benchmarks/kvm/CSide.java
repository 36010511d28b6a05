package dev.lockstep.benchmarks.kvm;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** {@code kvm-loops.c}, compiled and running; it waits while the others have their turn. */
final class CSide implements Side {
  private static final String SOURCE = "kvm-loops.c";

  private final Process process;
  private long pages;

  /** Starts the program for a quantity and a {@link GuestFile}. */
  CSide(Path program, Quantity quantity, Path guest) throws IOException {
    process =
        new ProcessBuilder(program.toString(), quantity.id(), guest.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
  }

  /**
   * Compiles the program.
   *
   * @param folder where it goes
   * @throws VmmException without a compiler, or if it does not compile here
   */
  static Path compile(Path folder) throws IOException {
    Path source = folder.resolve(SOURCE);
    try (InputStream in = Objects.requireNonNull(CSide.class.getResourceAsStream(SOURCE))) {
      Files.copy(in, source);
    }
    Path program = folder.resolve("kvm-loops");
    int status;
    try {
      Process gcc =
          new ProcessBuilder(
                  "gcc", "-O2", "-Wall", "-pthread", "-o", program.toString(), source.toString())
              .inheritIO()
              .start();
      status = gcc.waitFor();
    } catch (IOException e) {
      throw new VmmException(
          "there is no C compiler to compare with: " + e.getMessage(),
          "Run scripts/install-packages, or install gcc, libc6-dev and linux-libc-dev.",
          e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (status != 0) {
      throw new VmmException(
          "gcc does not compile " + SOURCE, "Install libc6-dev and linux-libc-dev.");
    }
    return program;
  }

  @Override
  public void turn(long[] nanos) throws IOException {
    OutputStream to = process.getOutputStream();
    to.write((nanos.length + "\n").getBytes(StandardCharsets.US_ASCII));
    to.flush();
    byte[] answer = process.getInputStream().readNBytes((nanos.length + 1) * Long.BYTES);
    if (answer.length != (nanos.length + 1) * Long.BYTES) {
      throw new VmmException("the C program ended", "It has said why.");
    }
    LongBuffer words = ByteBuffer.wrap(answer).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
    words.get(nanos);
    pages = words.get();
  }

  @Override
  public long pages() {
    return pages;
  }

  @Override
  public long allocated() {
    return -1;
  }

  @Override
  public void close() {
    try {
      process.getOutputStream().close();
    } catch (IOException e) {
      // It has ended already, and has said why.
    }
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
