package dev.lockstep.vmm.tsc;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.concurrent.TimeUnit;

/** GNU binutils' disassembler as a second opinion. */
final class Objdump {
  private static final Path PROGRAM = Path.of("/usr/bin/objdump");

  /** Where instructions begin, and which of those read the counter, and which move CR4. */
  record Listing(
      BitSet starts, BitSet rdtsc, BitSet rdtscp, BitSet controls, BitSet waits, BitSet bad) {}

  private Objdump() {}

  /** Disassembles from the first byte to the last; without binutils the test is skipped by name. */
  static Listing list(Path folder, byte[] code) throws IOException, InterruptedException {
    assumeTrue(
        Files.isExecutable(PROGRAM),
        "SKIPPED: no objdump here; install Debian's binutils to compare instruction lengths with it");
    Path file = Files.write(folder.resolve("code.bin"), code);
    Process process =
        new ProcessBuilder(
                PROGRAM.toString(),
                "-D",
                "-b",
                "binary",
                "-m",
                "i386:x86-64",
                "-M",
                "intel64",
                "--no-show-raw-insn",
                file.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    Listing listing =
        new Listing(
            new BitSet(), new BitSet(), new BitSet(), new BitSet(), new BitSet(), new BitSet());
    try (BufferedReader lines = process.inputReader(StandardCharsets.ISO_8859_1)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        parse(line, listing);
      }
    }
    process.waitFor(1, TimeUnit.MINUTES);
    return listing;
  }

  private static void parse(String line, Listing listing) {
    int colon = line.indexOf(":\t");
    if (colon < 1) {
      return;
    }
    int at = Integer.parseInt(line.substring(0, colon).strip(), 16);
    String text = line.substring(colon + 2).strip();
    listing.starts.set(at);
    listing.rdtsc.set(at, text.endsWith("rdtsc"));
    listing.rdtscp.set(at, text.endsWith("rdtscp"));
    listing.controls.set(at, text.startsWith("mov ") && text.contains("%cr4"));
    listing.bad.set(at, text.contains("(bad)") || text.contains(".byte"));
  }
}
