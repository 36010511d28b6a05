package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traces by the real command: collected, printed, and refused with a message and an exit status where something is wrong. */
final class TraceTest {
  private static final int SAMPLE = 6;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  @TempDir Path folder;
  private Path log = Path.of("");
  private Path trace = Path.of("");

  @BeforeEach
  void collect() throws Exception {
    log = folder.resolve("log");
    trace = folder.resolve("trace");
    String kernel = new TinyGuest().print("hi").exit(9).write(folder.resolve("kernel")).toString();
    Command.run(folder, "record", "--log", log.toString(), "--kernel", kernel);
    Command.Result collected =
        run("collect", "--log", log.toString(), "--out", trace.toString(), "--what", "all");
    assertThat(collected.err()).contains("the replay is identical to the recording");
    assertThat(collected.status()).isZero();
  }

  private Command.Result run(String... words) throws Exception {
    String[] all = new String[words.length + 1];
    all[0] = "trace";
    System.arraycopy(words, 0, all, 1, words.length);
    return Command.run(folder, all);
  }

  @Test
  void everyFormHasWhatTheGuestDid() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(trace)))
        .isEqualTo("rw-------");
    Path map = Files.writeString(folder.resolve("map"), "0000000000100000 T tiny\n");
    Command.Result text = run("dump", trace.toString(), "--symbols", map.toString());
    assertThat(text.status()).isZero();
    assertThat(text.out())
        .contains("0 0 r0 0x100000 <tiny> insn   baf8030000")
        .contains("port   out 0x3f8, 1 bytes: 0x68")
        .contains("port   out 0xf4, 1 bytes: 0x9");
    Command.Result lines =
        run("dump", trace.toString(), "--format", "jsonl", "--first", "1", "--last", "2");
    assertThat(lines.out().lines())
        .isNotEmpty()
        .allMatch(line -> line.matches("\\{.*\"instruction\":[12],.*}"));
    Command.Result timeline = run("dump", trace.toString(), "--format", "timeline");
    assertThat(timeline.out().trim()).startsWith("{").endsWith("]}").contains("\"out 0x3f8\"");
    Command.Result stats = run("stats", trace.toString(), "--json");
    assertThat(stats.out()).contains("\"ports\":3").contains("\"instructions\":");
  }

  @Test
  void champSimsFormatIsOfInstructions() throws Exception {
    Command.Result result =
        run("dump", trace.toString(), "--format", "champsim", "--first", "1", "--last", "3");
    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.err()).isEmpty();
    byte[] records = result.out().getBytes(StandardCharsets.ISO_8859_1);
    assertThat(records).hasSize(3 * 64);
    assertThat(Arrays.copyOf(records, 8)).containsExactly(5, 0, 16, 0, 0, 0, 0, 0);
    Path calls = folder.resolve("calls");
    run("collect", "--log", log.toString(), "--out", calls.toString(), "--what", "calls");
    Command.Result refused = run("dump", calls.toString(), "--format", "champsim");
    assertThat(refused.status()).isEqualTo(69);
    assertThat(refused.err()).contains("instructions and branches");
    Path flow = folder.resolve("flow");
    run("collect", "--log", log.toString(), "--out", flow.toString());
    Command.Result warned = run("dump", flow.toString(), "--format", "champsim");
    assertThat(warned.status()).isZero();
    assertThat(warned.err()).contains("no memory accesses");
  }

  @Test
  void whatCannotBeIsRefused() throws Exception {
    Path other = folder.resolve("other");
    refused(64, "is no bound", "--from", "moon:1");
    refused(64, "before it begins", "--from", "time:2", "--to", "time:1");
    refused(64, "nothing that can be traced", "--what", "everything");
    refused(64, "no range of addresses", "--address", "0x100");
    refused(64, "ring 4", "--ring", "4");
    assertThat(other).doesNotExist();
    Command.Result twice = run("collect", "--log", log.toString(), "--out", trace.toString());
    assertThat(twice.status()).isEqualTo(69);
    assertThat(twice.err()).contains("is there already");
    Command.Result foreign =
        run("collect", "--log", log.toString(), "--out", other.toString(), "--memory", "128M");
    assertThat(foreign.status()).isEqualTo(69);
    assertThat(foreign.err()).contains("memory_mib differs");
    assertThat(other).doesNotExist();
    assertThat(run("stats", folder.resolve("none").toString()).status()).isEqualTo(69);
  }

  private void refused(int status, String words, String... options) throws Exception {
    String[] all = Arrays.copyOf(options, options.length + 5);
    List<String> more =
        List.of("collect", "--log", log.toString(), "--out", folder.resolve("other").toString());
    for (int i = 0; i < more.size(); i++) {
      all[options.length + i] = more.get(i);
    }
    // The command comes first.
    String[] ordered = new String[all.length];
    for (int i = 0; i < all.length; i++) {
      ordered[i] = all[(options.length + i) % all.length];
    }
    Command.Result result = run(ordered);
    assertThat(result.status()).as(result.err()).isEqualTo(status);
    assertThat(result.err()).contains(words).doesNotContain("\tat ");
  }

  @Test
  void aDamagedFileIsReadAsFarAsItIsGood() throws Exception {
    Random random = new Random(seed);
    byte[] whole = Files.readAllBytes(trace);
    for (int round = 0; round < SAMPLE; round++) {
      byte[] bytes = whole.clone();
      if (round % 2 == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      } else {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(trace, bytes);
      Command.Result result = run("dump", trace.toString());
      assertThat(result.status())
          .as("round %d, seed %d: %s", round, seed, result.err())
          .isEqualTo(65);
      assertThat(result.err()).isNotEmpty().doesNotContain("\tat ").doesNotContain("defect");
    }
  }
}
