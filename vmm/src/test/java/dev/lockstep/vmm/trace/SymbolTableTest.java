package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.VmmException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names from a System.map and from ELF files: of each instruction of a trace, and at the edges. */
final class SymbolTableTest {
  private static final long TEXT = 0xffff_ffff_8100_0000L;
  private static final int FUNCTION = 2, OBJECT = 1, SECTION = 3, NONE = 0, GLOBAL = 0x10;
  private static final int DAMAGED = 3000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  /** A symbol of an ELF file; {@code section} 0 for one that is elsewhere. */
  private record Symbol(String name, long address, int info, int section) {}

  /** An ELF file of a symbol table and its strings (System V ABI, chapter 4). */
  private static byte[] elf(List<Symbol> symbols) {
    ByteArrayOutputStream strings = new ByteArrayOutputStream();
    strings.write(0);
    ByteBuffer table =
        ByteBuffer.allocate(24 * (symbols.size() + 1)).order(ByteOrder.LITTLE_ENDIAN);
    table.position(24);
    for (Symbol symbol : symbols) {
      table.putInt(strings.size()).put((byte) symbol.info).put((byte) 0);
      table.putShort((short) symbol.section).putLong(symbol.address).putLong(1);
      strings.writeBytes((symbol.name + "\0").getBytes(StandardCharsets.US_ASCII));
    }
    int tableAt = 64;
    int stringsAt = tableAt + table.capacity();
    int headersAt = stringsAt + strings.size() + 7 & ~7;
    ByteBuffer file = ByteBuffer.allocate(headersAt + 3 * 64).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0, 0x464c_457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
    file.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    file.putLong(40, headersAt).putShort(52, (short) 64);
    file.putShort(58, (short) 64).putShort(60, (short) 3).putShort(62, (short) 2);
    file.put(tableAt, table.array());
    file.put(stringsAt, strings.toByteArray());
    section(file, headersAt + 64, 2, tableAt, table.capacity(), 2);
    section(file, headersAt + 128, 3, stringsAt, strings.size(), 0);
    return file.array();
  }

  private static void section(
      ByteBuffer file, int header, int type, int offset, int size, int link) {
    file.putInt(header + 4, type).putLong(header + 24, offset).putLong(header + 32, size);
    file.putInt(header + 40, link);
  }

  @Test
  void everyInstructionOfATraceIsNamed() throws Exception {
    System.out.println("SymbolTableTest seed " + seed);
    TracedGuest guest = TracedGuest.random(random);
    RecordedGuest recorded = RecordedGuest.record(guest.loader(), folder);
    List<TraceRecord> records = recorded.records(TraceSelection.all(TraceKind.INSTRUCTIONS));
    StringBuilder map = new StringBuilder();
    List<Symbol> symbols = new ArrayList<>();
    List<Map.Entry<String, Long>> shuffled = new ArrayList<>(guest.labels().entrySet());
    Collections.shuffle(shuffled, random);
    for (Map.Entry<String, Long> label : shuffled) {
      int kind = random.nextInt(4);
      map.append("%016x %c %s\n".formatted(label.getValue(), "tTwW".charAt(kind), label.getKey()));
      int info = (kind < 2 ? FUNCTION : NONE) | (kind == 0 ? GLOBAL : 0);
      symbols.add(new Symbol(label.getKey(), label.getValue(), info, 1));
    }
    SymbolTable byMap = SymbolTable.read(write("System.map", map.toString()));
    SymbolTable byElf = SymbolTable.read(Files.write(folder.resolve("vmlinux"), elf(symbols)));
    int named = 0;
    for (TraceRecord record : records) {
      if (record instanceof TraceRecord.Instruction it) {
        String expected = nearest(guest.labels(), it.at().rip());
        assertThat(byMap.name(it.at().rip())).isEqualTo(expected);
        assertThat(byElf.name(it.at().rip())).isEqualTo(expected);
        named++;
      }
    }
    assertThat(named).isGreaterThan(1000);
    List<String> lines = text(records, byElf).lines().toList();
    assertThat(lines)
        .anyMatch(line -> line.contains("r0 %#x <start> insn".formatted(guest.address("start"))))
        .anyMatch(
            line -> line.contains("r3 %#x <leaf+0x7> insn".formatted(guest.address("leaf") + 7)));
    assertThat(text(records, byMap)).isEqualTo(text(records, byElf));
  }

  private static String text(List<TraceRecord> records, SymbolTable symbols) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    TextExporter exporter =
        new TextExporter(new PrintStream(bytes, false, StandardCharsets.UTF_8), symbols);
    records.forEach(exporter);
    exporter.finish();
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** The slow way. */
  private static @Nullable String nearest(Map<String, Long> labels, long address) {
    String name = null;
    long below = Long.MIN_VALUE;
    for (Map.Entry<String, Long> label : labels.entrySet()) {
      if (label.getValue() <= address && label.getValue() > below) {
        below = label.getValue();
        name = label.getKey();
      }
    }
    return name == null || below == address ? name : "%s+%#x".formatted(name, address - below);
  }

  @Test
  void dataAndWhatIsElsewhereNameNoCode() throws IOException {
    String map =
        "0000000000000000 A fixed_percpu_data\n%x T _text\n%x D jiffies\n%x t  inner [module]\n"
            .formatted(TEXT, TEXT + 0x10, TEXT + 0x20);
    List<Symbol> symbols =
        List.of(
            new Symbol("printf", TEXT + 4, FUNCTION | GLOBAL, 0),
            new Symbol("_text", TEXT, NONE | GLOBAL, 1),
            new Symbol("jiffies", TEXT + 0x10, OBJECT | GLOBAL, 2),
            new Symbol("", TEXT + 0x18, SECTION, 1),
            new Symbol("inner", TEXT + 0x20, FUNCTION, 1),
            new Symbol("alias", TEXT + 0x20, FUNCTION, 1));
    for (SymbolTable table :
        List.of(
            SymbolTable.read(write("map", map)),
            SymbolTable.read(Files.write(folder.resolve("elf"), elf(symbols))))) {
      assertThat(table.name(0)).isNull();
      assertThat(table.name(0x1000)).isNull();
      assertThat(table.name(TEXT - 1)).isNull();
      assertThat(table.name(TEXT)).isEqualTo("_text");
      assertThat(table.name(TEXT + 0x18)).isEqualTo("_text+0x18");
      assertThat(table.name(TEXT + 0x20)).isEqualTo("inner");
      assertThat(table.symbol(TEXT + 0x2f)).isEqualTo("inner");
      assertThat(table.name(TEXT + 0x20 + (1 << 20) + 1)).isNull();
      assertThat(table.name(-1)).isNull();
    }
  }

  @Test
  void whatHasNoSymbolsIsRefused() throws IOException {
    byte[] elf32 = elf(List.of(new Symbol("a", 1, FUNCTION, 1)));
    elf32[4] = 1;
    for (Path file :
        List.of(
            folder.resolve("none"),
            write("empty", ""),
            write("words", "not an address T name\n"),
            // Debian's package of a kernel has this in place of its System.map.
            write("placeholder", "ffffffffffffffff B The real System.map is elsewhere\n"),
            Files.write(folder.resolve("elf32"), elf32),
            Files.write(folder.resolve("stripped"), elf(List.of())))) {
      assertThatThrownBy(() -> SymbolTable.read(file))
          .as("%s", file)
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("has no symbols that can be read");
    }
  }

  @Test
  void aDamagedFileIsReadOrRefused() throws IOException {
    System.out.println("SymbolTableTest seed " + seed);
    List<Symbol> symbols = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      symbols.add(new Symbol("symbol" + i, TEXT + 16 * i, FUNCTION, 1));
    }
    byte[] whole = elf(symbols);
    int refused = 0;
    for (int round = 0; round < DAMAGED; round++) {
      byte[] bytes = whole.clone();
      if (round % 3 == 0) {
        bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      } else {
        // Offsets and sizes matter most: they are in the headers.
        int headers = whole.length - 3 * 64;
        int at = random.nextInt(4) == 0 ? random.nextInt(64) : headers + random.nextInt(3 * 64);
        for (int i = at; i < Math.min(at + 1 + random.nextInt(8), bytes.length); i++) {
          bytes[i] = (byte) random.nextInt();
        }
      }
      Path file = Files.write(folder.resolve("damaged"), bytes);
      try {
        SymbolTable.read(file);
      } catch (VmmException e) {
        refused++;
      }
    }
    assertThat(refused).as("seed %d", seed).isBetween(DAMAGED / 10, DAMAGED);
  }

  @Test
  void aLinkersFileIsReadAsItsToolsReadIt() throws Exception {
    boolean tools = true;
    for (String tool : List.of("as", "ld", "nm")) {
      tools &= Files.isExecutable(Path.of("/usr/bin", tool));
    }
    assumeTrue(
        tools, "SKIPPED: no as, ld, nm here; install Debian's binutils to compare symbols with it");
    StringBuilder source = new StringBuilder(".text\n");
    for (int i = 0; i < 50; i++) {
      source.append(i == 0 || random.nextBoolean() ? ".globl f%d\n".formatted(i) : "");
      source.append(random.nextBoolean() ? ".type f%d, @function\n".formatted(i) : "");
      source.append("f%d: .fill %d, 1, 0x90\n".formatted(i, 1 + random.nextInt(40)));
    }
    source.append(".data\n.type d, @object\nd: .quad 1\n");
    write("code.s", source.toString());
    run("as", "-o", "code.o", "code.s");
    run("ld", "-Ttext=%#x".formatted(TEXT), "-e", "f0", "-o", "code", "code.o");
    TreeMap<Long, String> expected = new TreeMap<>(Long::compareUnsigned);
    for (String line : run("nm", "code").split("\n")) {
      String[] words = line.split(" ");
      if ("tT".contains(words[1])) {
        expected.put(Long.parseUnsignedLong(words[0], 16), words[2]);
      }
    }
    assertThat(expected).hasSize(50);
    SymbolTable table = SymbolTable.read(folder.resolve("code"));
    for (long at = TEXT; at < expected.lastKey() + 10; at++) {
      assertThat(table.symbol(at)).isEqualTo(expected.floorEntry(at).getValue());
    }
  }

  private String run(String... words) throws IOException, InterruptedException {
    words[0] = "/usr/bin/" + words[0];
    Process process =
        new ProcessBuilder(words).directory(folder.toFile()).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(out).isZero();
    return out;
  }
}
