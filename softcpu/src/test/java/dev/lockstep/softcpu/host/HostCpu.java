package dev.lockstep.softcpu.host;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** The host's processor as an oracle: compiles {@code host_cpu.c} with gcc and executes single instructions in a traced process. */
final class HostCpu implements AutoCloseable {
  /** Cases a batch: the replies fit into the pipe while the host still reads. */
  static final int BATCH = 100;

  private static final String SOURCE = "host_cpu.c";
  private static final int MAX_CHANGES = 256;

  private final Path folder;
  private final Process process;
  private final OutputStream to;
  private final DataInputStream from;
  private final ByteBuffer requests =
      ByteBuffer.allocate(BATCH * 160 + 1).order(ByteOrder.LITTLE_ENDIAN);

  private HostCpu(Path folder, Process process) {
    this.folder = folder;
    this.process = process;
    this.to = process.getOutputStream();
    this.from = new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 16));
  }

  /** Starts the oracle, or skips the test by name where it cannot run. */
  static HostCpu startOrSkip() {
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    require(arch.equals("amd64") || arch.equals("x86_64"), "the host is not x86-64 but " + arch);
    require(Files.isExecutable(Path.of("/usr/bin/gcc")), "there is no /usr/bin/gcc");
    try {
      Path folder = Files.createTempDirectory("lockstep-host-cpu");
      Path source = folder.resolve(SOURCE);
      try (InputStream in = HostCpu.class.getResourceAsStream("/dev/lockstep/softcpu/" + SOURCE)) {
        if (in == null) {
          throw new IllegalStateException("test resource " + SOURCE + " is missing");
        }
        Files.copy(in, source, StandardCopyOption.REPLACE_EXISTING);
      }
      Path program = folder.resolve("host_cpu");
      run(folder, "/usr/bin/gcc", "-O1", "-Wall", "-o", program.toString(), source.toString());
      Process process =
          new ProcessBuilder(program.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      return new HostCpu(folder, process);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the host is AMD's, whose undefined flags ours follow. */
  static boolean isAmd() {
    try {
      return Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.US_ASCII)
          .contains("AuthenticAMD");
    } catch (IOException e) {
      return false;
    }
  }

  private static void require(boolean condition, String why) {
    if (!condition) {
      System.err.println("SKIPPED: comparison with the host's processor: " + why);
    }
    assumeTrue(condition, "comparison with the host's processor: " + why);
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

  /** Adds a case to the batch. */
  void add(HostCase test) {
    requests.put((byte) 'C').put((byte) test.mode());
    byte[] code = new byte[16];
    java.util.Arrays.fill(code, (byte) 0x90);
    System.arraycopy(test.code(), 0, code, 0, test.code().length);
    requests.put(code);
    for (long register : test.registers()) {
      requests.putLong(register);
    }
    requests.putLong(test.rflags());
  }

  /** Sends the batch; the outcomes follow, to be read in order. */
  void flush() {
    requests.put((byte) 'F').flip();
    try {
      to.write(requests.array(), 0, requests.limit());
      to.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("the host's oracle died", e);
    }
    requests.clear();
  }

  /** The next outcome. */
  Outcome read() {
    ByteBuffer head = bytes(16 + 18 * 8 + 4);
    int signal = head.getInt();
    int why = head.getInt();
    long address = head.getLong();
    long[] registers = new long[16];
    for (int i = 0; i < 16; i++) {
      registers[i] = head.getLong();
    }
    long rflags = head.getLong();
    long rip = head.getLong();
    int count = head.getInt();
    ByteBuffer changes = bytes(5 * Math.min(count, MAX_CHANGES));
    Outcome outcome = new Outcome(Outcome.vectors(signal, why), address, registers, rflags, rip);
    while (changes.hasRemaining()) {
      int offset = changes.getInt();
      outcome.changes().put(offset, changes.get());
    }
    return outcome;
  }

  private ByteBuffer bytes(int count) {
    byte[] reply = new byte[count];
    try {
      from.readFully(reply);
    } catch (IOException e) {
      throw new UncheckedIOException("the host's oracle died", e);
    }
    return ByteBuffer.wrap(reply).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor();
      Files.deleteIfExists(folder.resolve("host_cpu"));
      Files.deleteIfExists(folder.resolve(SOURCE));
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
