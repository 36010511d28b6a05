package dev.lockstep.softcpu.oracle;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The host's CPU: {@code oracle.c}, compiled when first needed, as a child process. */
final class HostOracle implements RealCpu {
  /** A batch's answers fit in one pipe (64 KiB), so neither side can block the other. */
  private static final int BATCH = 16;

  private final Process process;
  private final OutputStream to;
  private final DataInputStream from;

  private HostOracle(Process process) throws IOException {
    this.process = process;
    this.to = process.getOutputStream();
    this.from = new DataInputStream(process.getInputStream());
    ByteBuffer sizes = read(8);
    int request = sizes.getInt();
    int answer = sizes.getInt();
    if (request != OracleCase.REQUEST_BYTES || answer != OracleResult.ANSWER_BYTES) {
      throw new IllegalStateException(
          "oracle.c has records of %d and %d bytes, Java of %d and %d"
              .formatted(request, answer, OracleCase.REQUEST_BYTES, OracleResult.ANSWER_BYTES));
    }
  }

  /** Whether this host can compile and run the stub: Linux on x86-64 with gcc. */
  static boolean available() {
    if (!System.getProperty("os.arch").equals("amd64")) {
      return false;
    }
    for (String dir : System.getenv().getOrDefault("PATH", "").split(":")) {
      if (Files.isExecutable(Path.of(dir, "gcc"))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String name() {
    return "host";
  }

  static HostOracle start() throws IOException, InterruptedException {
    Path dir = Files.createTempDirectory("lockstep-oracle");
    Path source = dir.resolve("oracle.c");
    Path program = dir.resolve("oracle");
    try (InputStream in = HostOracle.class.getResourceAsStream("oracle.c")) {
      if (in == null) {
        throw new IllegalStateException("oracle.c is not among the test resources");
      }
      Files.copy(in, source);
    }
    Process compiler =
        new ProcessBuilder(
                "gcc", "-O2", "-Wall", "-Werror", "-o", program.toString(), source.toString())
            .inheritIO()
            .start();
    if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
      throw new IllegalStateException("gcc does not compile oracle.c");
    }
    Process process =
        new ProcessBuilder(program.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    Files.delete(program);
    Files.delete(source);
    Files.delete(dir);
    return new HostOracle(process);
  }

  @Override
  public List<OracleResult> execute(List<OracleCase> cases) throws IOException {
    List<OracleResult> results = new ArrayList<>(cases.size());
    for (int first = 0; first < cases.size(); first += BATCH) {
      List<OracleCase> batch = cases.subList(first, Math.min(first + BATCH, cases.size()));
      ByteBuffer out = ByteBuffer.allocate(batch.size() * OracleCase.REQUEST_BYTES);
      batch.forEach(one -> one.writeTo(out));
      to.write(out.array());
      to.flush();
      for (OracleCase one : batch) {
        results.add(OracleResult.fromStub(read(OracleResult.ANSWER_BYTES), one));
      }
    }
    return results;
  }

  private ByteBuffer read(int size) throws IOException {
    byte[] bytes = new byte[size];
    from.readFully(bytes);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() throws IOException {
    to.close();
    process.destroy();
  }
}
