package dev.lockstep.softcpu.fp;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * The host's own FPU as an oracle: compiles {@code host_fpu.c} with gcc and executes instructions on given states. Requests are collected and sent in batches, since a pipe holds only so much.
 */
final class HostFpu implements AutoCloseable {
  /** Requests a batch: the replies fit into the pipe while the host still reads. */
  static final int BATCH = 200;

  static final int IMAGE_BATCH = 50;
  static final int X87_REPLY = 128;
  static final int SSE_REPLY = 41;
  static final int IMAGE_REPLY = 512;
  private static final String SOURCE = "host_fpu.c";

  private final Path folder;
  private final Process process;
  private final OutputStream to;
  private final DataInputStream from;
  private final ByteBuffer requests = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

  private HostFpu(Path folder, Process process) {
    this.folder = folder;
    this.process = process;
    this.to = process.getOutputStream();
    this.from = new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 16));
  }

  /** Whether the host is one of AMD's, which ours follows where makers differ. */
  static boolean isAmd() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo")).contains("AuthenticAMD");
    } catch (IOException e) {
      return false;
    }
  }

  /** Starts the oracle, or skips the test by name where it cannot run. */
  static HostFpu startOrSkip() {
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    require(arch.equals("amd64") || arch.equals("x86_64"), "the host is not x86-64 but " + arch);
    require(Files.isExecutable(Path.of("/usr/bin/gcc")), "there is no /usr/bin/gcc");
    try {
      Path folder = Files.createTempDirectory("lockstep-host-fpu");
      Path source = folder.resolve(SOURCE);
      try (InputStream in = HostFpu.class.getResourceAsStream(SOURCE)) {
        if (in == null) {
          throw new IllegalStateException("test resource " + SOURCE + " is missing");
        }
        Files.copy(in, source, StandardCopyOption.REPLACE_EXISTING);
      }
      Path program = folder.resolve("host_fpu");
      run(folder, "/usr/bin/gcc", "-O1", "-Wall", "-o", program.toString(), source.toString());
      Process process =
          new ProcessBuilder(program.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      return new HostFpu(folder, process);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void require(boolean condition, String why) {
    if (!condition) {
      System.err.println("SKIPPED: comparison with the host's FPU: " + why);
    }
    assumeTrue(condition, "comparison with the host's FPU: " + why);
  }

  private static void run(Path folder, String... command) throws IOException {
    Process gcc = new ProcessBuilder(command).directory(folder.toFile()).inheritIO().start();
    try {
      if (!gcc.waitFor(60, TimeUnit.SECONDS) || gcc.exitValue() != 0) {
        throw new IllegalStateException("gcc could not compile " + SOURCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while gcc ran", e);
    }
  }

  /** Adds an x87 request: FRSTOR of the 108-byte image, the instruction with [memory], FNSAVE. */
  void addX87(int opcode, int modrm, byte[] image, byte[] memory) {
    requests.put((byte) 'X').put((byte) opcode).put((byte) modrm);
    requests.put(image, 0, 108).put(memory, 0, 16);
  }

  /** Adds an SSE request on XMM0 and XMM1 (and with {@code mmx} MM0 and MM1, the low halves). */
  void addSse(byte[] code, boolean mmx, int mxcsr, long[] xmm, long rcx) {
    requests.put((byte) 'S').put((byte) (code.length | (mmx ? 0x80 : 0)));
    byte[] padded = new byte[15];
    System.arraycopy(code, 0, padded, 0, code.length);
    requests.put(padded).putInt(mxcsr);
    for (int i = 0; i < 4; i++) {
      requests.putLong(xmm[i]);
    }
    requests.putLong(rcx);
  }

  /** Adds a request to store a state: FRSTOR of the 108-byte image, then code that stores at [RDI]. At most {@link #IMAGE_BATCH}. */
  void addImage(byte[] code, byte[] image) {
    requests.put((byte) 'I').put((byte) code.length);
    byte[] padded = new byte[15];
    System.arraycopy(code, 0, padded, 0, code.length);
    requests.put(padded).put(image, 0, 108);
  }

  /** Sends what was added; the replies follow, to be read in order. */
  void flush() {
    requests.put((byte) 'F').flip();
    try {
      to.write(requests.array(), 0, requests.limit());
      to.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("the host's FPU oracle died", e);
    }
    requests.clear();
  }

  ByteBuffer reply(int bytes) {
    byte[] reply = new byte[bytes];
    try {
      from.readFully(reply);
    } catch (IOException e) {
      throw new UncheckedIOException("the host's FPU oracle died", e);
    }
    return ByteBuffer.wrap(reply).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor();
      Files.deleteIfExists(folder.resolve("host_fpu"));
      Files.deleteIfExists(folder.resolve(SOURCE));
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
